// `npm run check`: types, contrast, messages, the tests of what is pure. Starts Node itself, because no
// shell may know where it is.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('..', import.meta.url));
const steps = [
  ['node_modules/svelte-check/bin/svelte-check', '--tsconfig', 'tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  ['tools/contrast.mjs'],
  ['tools/messages.mjs'],
  ['--test', '--test-reporter=dot', 'tests/*.test.ts'],
];
// The Node that runs npm, which is the wheel's: a shell may find another one, too old for what is tested.
const node = process.env.npm_node_execpath ?? process.execPath;
let failed = 0;
for (const step of steps) {
  const done = spawnSync(node, step, { cwd: folder, stdio: 'inherit' });
  if (done.status !== 0) failed += 1;
}
process.exit(failed ? 1 : 0);
