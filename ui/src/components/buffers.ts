// What a buffer holds follows from the counters on both sides: it is known as long as they are.

import type { BufferInfo } from '../api/types.ts';
import { live } from '../live/store.svelte.ts';
import { drawingOf } from './reading.ts';

export interface Held {
  /** Null where a counter was never heard, or nobody vouches for it any more. */
  content: number | null;
  /** Seconds since the oldest counter was vouched for, where one is too old. */
  old_s: number | null;
}

// The twin's own rule: what leaves a source fills, what a target made or rejected empties.
const FILLS = ['good_count'];
const EMPTIES = ['good_count', 'reject_count'];

/** Return what a buffer holds, and how old that is where it cannot be trusted. */
export function held(buffer: BufferInfo): Held {
  // A run says itself what lies there: nobody counts ahead.
  if (live.mode === 'ahead') return { content: live.buffers.get(buffer.id)?.content ?? null, old_s: null };
  let old_s: number | null = null;
  const counters = [...countersOf(buffer.sources, FILLS), ...countersOf(buffer.targets, EMPTIES)];
  for (const signal of counters) {
    const drawing = drawingOf(signal.reading);
    if (drawing === 'old' || drawing === 'bad') old_s = Math.max(old_s ?? 0, live.seconds(signal.reading?.confirmed_ms));
  }
  if (live.lost) old_s = Math.max(old_s ?? 0, live.seconds(live.lostAt_ms));
  return { content: old_s === null ? (live.buffers.get(buffer.id)?.content ?? null) : null, old_s };
}

/**
 * Write what a buffer holds of what it can. The counters on both sides count with it what the machine
 * behind has in work: a full buffer would hold more than fits, so the part beyond stands apart.
 */
export function fill(content: number | null, capacity: number): string {
  if (content === null) return `–/${capacity}`;
  return content > capacity ? `${capacity}/${capacity} +${content - capacity}` : `${content}/${capacity}`;
}

function countersOf(units: string[], roles: string[]) {
  return units.flatMap((unit) => live.signalsOf(unit).filter((signal) => roles.includes(signal.info.role)));
}
