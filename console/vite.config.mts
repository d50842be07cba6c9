/** The operator's page: `npm run build` writes it to dist/console/, from where the service serves it. */
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // Below whatever prefix the service is mounted: every address is relative.
  base: './',
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    // The page's policy allows no inline content, so nothing is inlined as a data: URL either.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rollupOptions: {
      // "use client" in a package means something to a server that renders React, and nothing here.
      onLog: (level, log, handle) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  // `npx vite console`: the page with hot reload, against `npm run dev`.
  server: { proxy: { '/wx-pay': 'http://127.0.0.1:3000', '/healthz': 'http://127.0.0.1:3000' } },
});
