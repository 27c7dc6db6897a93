// Sparklines come by the dozen: all that are wanted at one moment are asked for with one question.

import { manyCurves, ApiError } from './client.ts';
import type { Columns } from './columns.ts';

export interface Small {
  data: Columns;
  span: [number, number];
}
interface Waiting {
  id: string;
  signal: AbortSignal;
  resolve: (small: Small) => void;
  reject: (error: unknown) => void;
}
const GATHER_MS = 40;
const MOST = 100; // of one question; the portal takes twice as many
const waiting = new Map<string, Waiting[]>();

/** Return a small curve of a signal over a span that ends at `to_ms`; the span is the gathered question's own. */
export function smallCurve(id: string, to_ms: number, minutes: number, columns: number, signal: AbortSignal): Promise<Small> {
  return new Promise((resolve, reject) => {
    const key = `${minutes} ${columns}`;
    const list = waiting.get(key);
    const one = { id, signal, resolve, reject };
    if (list) {
      list.push(one);
      return;
    }
    waiting.set(key, [one]);
    setTimeout(() => {
      const all = waiting.get(key)!.filter((w) => !w.signal.aborted);
      waiting.delete(key);
      for (let at = 0; at < all.length; at += MOST) void ask(all.slice(at, at + MOST), to_ms, minutes, columns);
    }, GATHER_MS);
  });
}

async function ask(all: Waiting[], to_ms: number, minutes: number, columns: number): Promise<void> {
  const span: [number, number] = [to_ms - minutes * 60_000, to_ms];
  try {
    const found = await manyCurves([...new Set(all.map((w) => w.id))], span[0], span[1], columns);
    for (const one of all) {
      const data = found.get(one.id);
      if (data) one.resolve({ data, span });
      else one.reject(new ApiError(0, one.id));
    }
  } catch (error) {
    for (const one of all) one.reject(error);
  }
}
