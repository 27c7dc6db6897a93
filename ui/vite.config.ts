import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { terminalWorker } from './tools/terminal-worker.ts';

// The portal to develop against: the real one, started with `taktwin demo`.
const portal = process.env['TAKTWIN_PORTAL'] ?? 'http://127.0.0.1:8080';

const SHARED = /src\/(app|api|live|components|messages\/.*\.ts)/;
const LATER = /src\/(api\/(advice|analyst|whatif)|components\/(Photos|Quick|MachineSide|measured|refusal|scanner|trace))\./;

export default defineConfig({
  plugins: [svelte(), terminalWorker()],
  build: {
    outDir: '../src/taktwin/portal/static',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // What most places share comes as one file with the shell: a dozen files of half a kilobyte cost
        // a question and its headers each. What only places behind the first one share stays with them.
        codeSplitting: { groups: [{ name: 'shared', test: (id) => SHARED.test(id) && !LATER.test(id), minShareCount: 2 }] },
      },
    },
  },
  server: { host: '127.0.0.1', proxy: { '/api': { target: portal, ws: true } } },
});
