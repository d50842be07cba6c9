/** `.env.local`: what another program needs to work with the local stack. It is for the owner alone. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { CommandError, type Env } from '../io';

const OURS = '# Written by `pay-common dev`';
const HEAD = `${OURS} at each start; the operator keys are kept. Made-up values for the simulator, and those of --env.
# 由 pay-common dev 每次启动时写入，运营密钥保留；除 --env 文件中的配置外，均为模拟器的虚构值。
`;

/** @throws CommandError: the file was written by somebody else, and may hold settings that exist nowhere else. */
export function guardEnvFile(folder: string, name: string): void {
  const path = join(folder, name);
  if (!existsSync(path) || readFileSync(path, 'utf8').startsWith(OURS)) return;
  throw new CommandError(
    `此处已有不是由 pay-common dev 写入的 ${name}：请移走它，或换一个目录启动 / ` +
      `a ${name} that pay-common dev did not write is already there: move it, or start in another folder`,
  );
}

/** The operator keys of an earlier start, so that clients need not be told new ones. */
export function keptKeys(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  if (!existsSync(path)) return undefined;
  return parse(readFileSync(path))['operatorKeys'];
}

export function writeEnvFile(folder: string, name: string, env: Env): void {
  const path = join(folder, name);
  const lines = Object.entries(env).map(([key, value = '']) => `${key}=${quoted(value)}`);
  // The mode of a write holds for a new file alone.
  if (existsSync(path)) chmodSync(path, 0o600);
  writeFileSync(path, `${HEAD}${lines.join('\n')}\n`, { mode: 0o600 });
}

const quoted = (value: string): string => `"${value.replace(/\r?\n/g, '\\n')}"`;
