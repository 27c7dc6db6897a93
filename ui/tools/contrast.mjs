// Computes the contrast of every text and shape token against the three grounds, day and night.
// Text needs 4.5, shapes that carry meaning 3.0 (WCAG 2.2, 1.4.3 and 1.4.11).
import { readFileSync } from 'node:fs';

const css = readFileSync(new URL('../src/app/tokens.css', import.meta.url), 'utf8');
const tokens = { day: {}, night: {} };
for (const [, name, day, night] of css.matchAll(/--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)/g)) {
  tokens.day[name] = day;
  tokens.night[name] = night;
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const grounds = ['ground', 'panel', 'raised'];
const wanted = [
  ...['ink1', 'ink2', 'ink3', 'p1', 'p2', 'p3', 'twin', 'focus'].map((name) => [name, grounds, 4.5]),
  ...['edge', 'hatch', 'fact', 'fact2'].map((name) => [name, grounds, 3.0]),
  ['ink1', ['run', 'wait', 'idle', 'floor'], 4.5],
  ['ink2', ['run', 'wait', 'idle', 'floor'], 4.5],
  ['ink3', ['floor'], 4.5],
  ['wall', ['floor'], 3.0],
  ['twin', ['twin-soft'], 4.5],
  ['btn-on', ['btn'], 4.5],
  ['p1on', ['p1f'], 4.5],
  ['p2on', ['p2f'], 4.5],
  ['p3on', ['p3f'], 4.5],
];
const wrong = [];
let checked = 0;
for (const theme of ['day', 'night']) {
  for (const [name, against, least] of wanted) {
    for (const other of against) {
      const [a, b] = [tokens[theme][name], tokens[theme][other]];
      if (!a || !b) {
        wrong.push(`${theme}: token ${a ? other : name} is missing in tokens.css`);
        continue;
      }
      checked += 1;
      const found = contrast(a, b);
      // The guide rounds to one digit; 2.95 counts as 3.0.
      if (Math.round(found * 10) / 10 < least) {
        wrong.push(`${theme}: ${name} ${a} on ${other} ${b} has ${found.toFixed(2)}, needs ${least}`);
      }
    }
  }
}
if (wrong.length) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`contrast: ${checked} pairs hold`);
