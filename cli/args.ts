import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError } from './io';

type Options = NonNullable<ParseArgsConfig['options']>;

/** As `parseArgs`, but what is wrong is a UsageError. */
export function readArgs<const O extends Options>(argv: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : '';
    throw new UsageError(`参数有误 / wrong arguments: ${message}`);
  }
}

export function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new UsageError(`${name} 应为正整数 / must be a positive whole number`);
  }
  return Number(text);
}

/** Exactly these many, or the command was not understood. */
export function positionals(given: readonly string[], min: number, max = min): void {
  if (given.length >= min && given.length <= max) return;
  throw new UsageError(
    given.length < min ? '缺少参数 / an argument is missing' : '参数过多 / too many arguments',
  );
}

/** A heading that names the merchant; none for the merchant of the environment. */
export const merchantLine = (key: string | undefined): string =>
  key === undefined ? '' : `商户 merchant ${key}\n`;
