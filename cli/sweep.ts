import { merchantLine, readArgs } from './args';
import { connect, CONNECT_OPTIONS, type Connection } from './connect';
import { CommandError, UsageError, type Command } from './io';
import { createProgress, type Progress } from './progress';

/** 500 records each, 250,000 in all: a larger backlog has a cause that sweeping does not remove. */
const ROUNDS_MAX = 500;

interface Swept {
  readonly done: number;
  readonly left: number;
}

async function round(connection: Connection): Promise<Swept> {
  const { done, left } = await connection.call({ action: 'wxpay_sweep' });
  return { done: Number(done), left: Number(left) };
}

/** Until nothing is left, or a round gets nowhere: what fails comes again at its own time. */
async function untilDone(connection: Connection, progress: Progress): Promise<Swept> {
  let done = 0;
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds += 1) {
    const swept = await round(connection);
    done += swept.done;
    progress.say(`已处理 done ${done}，剩余 left ${swept.left}`);
    if (swept.left === 0 || swept.done === 0) return { done, left: swept.left };
  }
  throw new CommandError(
    `${ROUNDS_MAX} 轮后仍有到期记录 / still records due after ${ROUNDS_MAX} rounds`,
  );
}

export const sweep: Command = async (argv, io) => {
  const { values, positionals } = readArgs(argv, {
    ...CONNECT_OPTIONS,
    once: { type: 'boolean' },
    'until-done': { type: 'boolean' },
    json: { type: 'boolean' },
    progress: { type: 'boolean' },
  });
  if (positionals.length > 0) throw new UsageError('参数过多 / too many arguments');
  if (values.once === true && values['until-done'] === true) {
    throw new UsageError('--once 与 --until-done 只能选一 / choose one of both');
  }
  const progress = createProgress(io, values.progress ?? false);
  const connection = await connect(io, values);
  try {
    const all = values['until-done'] === true;
    if (!all) progress.wait('巡检中 sweeping');
    const swept = all ? await untilDone(connection, progress) : await round(connection);
    progress.end();
    if (values.json === true) io.out(`${JSON.stringify(swept)}\n`);
    else
      io.out(
        `${merchantLine(values.merchant)}已处理 done ${swept.done}，剩余 left ${swept.left}\n`,
      );
    return swept.left === 0 ? 0 : 1;
  } finally {
    progress.end();
    await connection.close();
  }
};
