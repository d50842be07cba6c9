/** Loaded before the service by the memory run: on SIGUSR2 collects all garbage and writes what is left. */
'use strict';

const fs = require('node:fs');

process.on('SIGUSR2', () => {
  global.gc();
  // Twice: what finalizers let go in the first round goes in the second.
  setTimeout(() => {
    global.gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    fs.writeFileSync(process.env.benchHeapFile, `${JSON.stringify({ heapUsed, external, rss })}\n`);
  }, 200);
});
