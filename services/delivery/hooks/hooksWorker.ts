/**
 * What runs inside the hooks' thread, as text: `new Worker(HOOKS_WORKER, { eval: true })` needs no file of its
 * own, so it works alike from TypeScript, from the bundle, and wherever the bundle is put. Plain CommonJS for
 * Node 18; it uses nothing of the service.
 *
 * Asked `{ call, handler, args }`, it answers `{ call, outcome }` with `done`, `missing` (no such handler), or
 * `failed` and a reason; `unloadable` when the module itself failed.
 */
export const HOOKS_WORKER = `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
// import() takes both kinds of module; of a CommonJS one the exports are the default.
const loading = import(workerData.url);
loading.catch(() => undefined);

function reasonOf(error) {
  try {
    return error instanceof Error ? error.name + ': ' + error.message : String(error);
  } catch {
    return 'unknown failure';
  }
}

function ownerOf(module, handler) {
  return [module, module.default].find(
    (owner) => owner !== undefined && owner !== null && typeof owner[handler] === 'function',
  );
}

async function answer({ handler, args }) {
  let module;
  try {
    module = await loading;
  } catch (error) {
    return { outcome: 'unloadable', reason: reasonOf(error) };
  }
  const owner = ownerOf(module, handler);
  if (owner === undefined) return { outcome: 'missing' };
  try {
    await owner[handler](...args);
    return { outcome: 'done' };
  } catch (error) {
    return { outcome: 'failed', reason: reasonOf(error) };
  }
}

parentPort.on('message', (message) => {
  answer(message).then((reply) => parentPort.postMessage({ call: message.call, ...reply }));
});
`;
