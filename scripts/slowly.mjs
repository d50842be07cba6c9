/**
 * Runs a command, and every process it starts, as on a machine so many times slower:
 *
 *   node scripts/slowly.mjs 5 npx jest
 *
 * Like `cpulimit`, it stops the processes for most of the time (SIGSTOP, SIGCONT). Unlike `cpulimit`
 * it leaves a process alone that is stopped already: a test that freezes a server keeps it frozen.
 * Timers and sockets of other machines do not slow down, and that is what it is for. Linux only.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** How long the processes run before they are stopped. */
const RUN_MS = 20;
const USAGE = 'usage: node scripts/slowly.mjs TIMES COMMAND [ARGUMENTS]\n';

/** State and parent of a process, as Linux tells them; undefined when it has ended. */
function look(pid) {
  try {
    // The name stands in brackets and may hold anything, brackets included.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { pid, state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** All processes that come from `root`: also those whose parent has ended since they were last seen. */
function family(root, known) {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => look(Number(name)))
    .filter((one) => one !== undefined)
    .sort((a, b) => a.pid - b.pid);
  const members = new Set([root, ...known]);
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
  }
  members.delete(process.pid);
  return all.map(({ pid }) => pid).filter((pid) => members.has(pid));
}

/** A parent comes before its children, so none can be stopped by it between the look and the signal. */
function stop(pid) {
  const state = look(pid)?.state;
  return state !== undefined && !'TtZ'.includes(state) && signal(pid, 'SIGSTOP');
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main([times, command, ...args]) {
  const factor = Number(times);
  if (!(factor > 1) || command === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const child = spawn(command, args, { stdio: 'inherit' });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
  let running = true;
  void ended.finally(() => (running = false)).catch(() => undefined);
  let stopped = [];
  const goOn = () => {
    for (const pid of stopped.splice(0)) signal(pid, 'SIGCONT');
  };
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.once(name, () => {
      goOn();
      child.kill(name);
    });
  }
  let known = [];
  while (running) {
    await pause(RUN_MS);
    known = family(child.pid, known);
    stopped = known.filter(stop);
    await pause(RUN_MS * (factor - 1));
    goOn();
  }
  return ended;
}

process.exitCode = await main(process.argv.slice(2));
