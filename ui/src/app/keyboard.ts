// All keys in one table; a page adds its own while it is open.

import { settings } from './settings.svelte.ts';

export type Handler = (event: KeyboardEvent) => boolean | void;

type Layer = Map<string, Handler>;

const shell: Layer[] = [];
const pages: Layer[] = [];
let leader: number | null = null;

/** Bind a page's keys for as long as the caller lives; returns what takes them away again. */
export const bind = (keys: Record<string, Handler>) => add(pages, keys);

/** Bind keys of the shell: a page's own come first, whichever of the two was there earlier. */
export const bindShell = (keys: Record<string, Handler>) => add(shell, keys);

function add(layers: Layer[], keys: Record<string, Handler>): () => void {
  const layer = new Map(Object.entries(keys));
  layers.push(layer);
  return () => {
    const at = layers.indexOf(layer);
    if (at >= 0) layers.splice(at, 1);
  };
}

function name(event: KeyboardEvent): string {
  const key = event.key === ' ' ? 'Space' : event.key;
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Ctrl');
  if (event.altKey) parts.push('Alt');
  if (event.shiftKey && key.length > 1) parts.push('Shift');
  return [...parts, parts.includes('Ctrl') ? key.toLowerCase() : key].join(' ');
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type !== 'button');
}

export function listen(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.key === 'Dead' || event.isComposing) return;
    let key = name(event);
    const single = key.length === 1;
    if (isTyping(event.target) && key !== 'Escape' && key !== 'Ctrl k') return;
    if (single && !settings.letters) return;
    if (document.querySelector('dialog[open]') && key !== 'Ctrl k') return;
    if (leader !== null && performance.now() - leader < 1500) key = `g ${key}`;
    leader = null;
    if (key === 'g') {
      leader = performance.now();
      return;
    }
    for (const layer of [...pages.toReversed(), ...shell.toReversed()]) {
      const handler = layer.get(key);
      if (handler && handler(event) !== false) {
        event.preventDefault();
        return;
      }
    }
  });
}
