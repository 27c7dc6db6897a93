// What the page says of a prediction: how far it looks, and whether it is too old.

import type { Risk } from '../../api/types.ts';

const HOUR_MS = 3600_000;

/** How far the strips look: to what is known last of all rows, in whole hours, a day at most. */
export function spanHours(rows: readonly Risk[], now_ms: number): number {
  const known = rows.flatMap((row) => Object.values(row.instants ?? {})).filter((ms): ms is number => ms !== null);
  return Math.min(24, Math.max(4, Math.ceil((Math.max(now_ms, ...known) - now_ms) / HOUR_MS + 0.5)));
}

/** Whether nobody has said it anew for too long. */
export const old = (row: Risk, now_ms: number, after_ms: number): boolean =>
  row.prediction !== null && after_ms > 0 && now_ms - row.prediction.at_ms > after_ms;
