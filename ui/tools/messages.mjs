// Every language has the same keys with the same arguments, every message compiles, every key that the
// source asks for exists, and none is left over.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IntlMessageFormat } from 'intl-messageformat';

const root = fileURLToPath(new URL('../src', import.meta.url));
const PARTS = ['', 'mes.'];
const file = (part, language) => JSON.parse(readFileSync(join(root, 'messages', `${part}${language}.json`), 'utf8'));
const read = (language) => {
  const all = {};
  for (const part of PARTS) {
    for (const [key, text] of Object.entries(file(part, language))) {
      if (key in all) wrong.push(`${key} stands in two files of ${language}`);
      all[key] = text;
    }
  }
  return all;
};
const wrong = [];
const languages = { en: read('en'), de: read('de') };

function names(elements, found = new Set()) {
  for (const element of elements) {
    if (element.type !== 0 && element.type !== 7 && element.value) found.add(element.value);
    for (const option of Object.values(element.options ?? {})) names(option.value, found);
  }
  return found;
}
const parts = {};
for (const [language, texts] of Object.entries(languages)) {
  parts[language] = {};
  for (const [key, text] of Object.entries(texts)) {
    try {
      parts[language][key] = [...names(new IntlMessageFormat(text, language).getAst())].sort().join(',');
    } catch (error) {
      wrong.push(`${language}.json ${key}: ${error.message}`);
    }
  }
}
for (const key of new Set([...Object.keys(languages.en), ...Object.keys(languages.de)])) {
  for (const language of ['en', 'de']) if (!(key in languages[language])) wrong.push(`${language}.json lacks ${key}`);
  if (parts.en[key] !== undefined && parts.de[key] !== undefined && parts.en[key] !== parts.de[key]) {
    wrong.push(`${key}: arguments differ, en has ${parts.en[key] || 'none'}, de has ${parts.de[key] || 'none'}`);
  }
}

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : /\.(svelte|ts)$/.test(name) ? [path] : [];
  });
}
const exact = new Set();
const families = new Set();
for (const path of files(root)) {
  const source = readFileSync(path, 'utf8');
  for (const [, key] of source.matchAll(/['"`]([a-z0-9-]+\.[A-Za-z0-9_-]+)['"`]/g)) exact.add(key);
  for (const [, family] of source.matchAll(/`([a-z-]+\.[a-z0-9-]*)\$\{/g)) families.add(family);
  for (const [, family] of source.matchAll(/word\('([a-z.-]+)'/g)) families.add(`${family}.`);
  for (const [, key] of source.matchAll(/\bt\('([^']+)'/g)) if (!(key in languages.en)) wrong.push(`${path}: no message ${key}`);
}
for (const key of Object.keys(languages.en)) {
  if (!exact.has(key) && ![...families].some((family) => key.startsWith(family))) wrong.push(`nobody asks for ${key}`);
}
if (wrong.length) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`messages: ${Object.keys(languages.en).length} in ${Object.keys(languages).length} languages agree`);
