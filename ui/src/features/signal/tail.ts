// The newest end of a curve: what the stream said and the history has not stored yet. Pure.

/** One value, from its own time to the last instant for which its source vouched for it. */
export interface Held {
  value: number;
  from_ms: number;
  to_ms: number;
}

const LENGTH_MAX = 600; // so much comes in five minutes of a history that does not answer
const JOINED_MS = 3000; // further apart, nobody knows what was between two values

/**
 * Return the tail with the newest value, without what the columns up to `stored_ms` show already and
 * without what lies after `now_ms`: a replay may go back.
 *
 * A value is drawn from its own time on, never before: what came between the last column and it is not
 * known here until it is stored.
 */
export function lengthened(tail: readonly Held[], newest: Held | null, stored_ms: number, now_ms: number): Held[] {
  const kept = tail.filter((held) => held.to_ms > stored_ms && held.from_ms <= now_ms);
  if (!newest || newest.to_ms <= stored_ms) return kept;
  const last = kept.at(-1);
  if (last && last.from_ms === newest.from_ms && last.value === newest.value) kept[kept.length - 1] = newest;
  else kept.push(newest);
  return kept.slice(-LENGTH_MAX);
}

/** Return the tail as lines of (time, value): steps hold their value until the next one. */
export function linesOf(tail: readonly Held[], begin_ms: number, step: boolean): [number, number][][] {
  const lines: [number, number][][] = [];
  let before: Held | null = null;
  for (const held of tail) {
    const points: [number, number][] = [[Math.max(held.from_ms, begin_ms), held.value], [Math.max(held.to_ms, begin_ms), held.value]];
    if (before && held.from_ms - before.to_ms <= JOINED_MS) {
      if (step) points.unshift([points[0]![0], before.value]);
      lines.at(-1)!.push(...points);
    } else lines.push(points);
    before = held;
  }
  return lines;
}
