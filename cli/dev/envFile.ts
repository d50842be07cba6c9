/** `.env.local`: what another program needs to work with the local stack. Made-up values, and still for the owner alone. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import type { Env } from '../io';

const HEAD = `# Written by \`pay-common dev\` at each start; the operator keys are kept. Made-up values for the simulator alone.
# 由 pay-common dev 每次启动时写入，运营密钥保留；均为模拟器的虚构值。
`;

/** The operator keys of an earlier start, so that clients need not be told new ones. */
export function keptKeys(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  if (!existsSync(path)) return undefined;
  return parse(readFileSync(path))['operatorKeys'];
}

export function writeEnvFile(folder: string, name: string, env: Env): void {
  const lines = Object.entries(env).map(([key, value = '']) => `${key}=${quoted(value)}`);
  writeFileSync(join(folder, name), `${HEAD}${lines.join('\n')}\n`, { mode: 0o600 });
}

const quoted = (value: string): string => `"${value.replace(/\r?\n/g, '\\n')}"`;
