// Writes /terminal-worker.js: which files of this build a terminal needs to open without the server.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const PLACE = 'src/features/terminal/Terminal.svelte';
const ALSO = [/src\/app\/Dialogs\.svelte$/, /src\/messages\/(mes\.)?(en|de)\.json$/, /src\/features\/terminal\/kept\.ts$/];
const FONT = /inter-latin-wght-normal/;

export function terminalWorker(): Plugin {
  return {
    name: 'terminal-worker',
    apply: 'build',
    generateBundle(_, bundle) {
      const files = new Set<string>(['index.html', 'favicon.svg']);
      const add = (name: string): void => {
        const chunk = bundle[name];
        if (!chunk || files.has(name)) return;
        files.add(name);
        if (chunk.type !== 'chunk') return;
        for (const style of chunk.viteMetadata?.importedCss ?? []) files.add(style);
        chunk.imports.forEach(add);
      };
      let found = false;
      for (const [name, chunk] of Object.entries(bundle)) {
        if (chunk.type !== 'chunk') {
          if (FONT.test(name)) files.add(name);
          continue;
        }
        const modules = [chunk.facadeModuleId ?? '', ...chunk.moduleIds];
        const place = modules.some((module) => module.endsWith(PLACE));
        found ||= place;
        if (chunk.isEntry || place || ALSO.some((one) => modules.some((module) => one.test(module)))) add(name);
      }
      if (!found) this.error(`${PLACE} is in no chunk: the terminal would not open without the server`);
      const list = JSON.stringify([...files].sort().map((name) => `/${name}`));
      const source = readFileSync(new URL('../src/worker/terminal-worker.js', import.meta.url), 'utf8');
      const version = createHash('sha256').update(list).update(source).digest('hex').slice(0, 16);
      this.emitFile({
        type: 'asset',
        fileName: 'terminal-worker.js',
        source: source.replace("'__FILES__'", list).replace('__VERSION__', version),
      });
    },
  };
}
