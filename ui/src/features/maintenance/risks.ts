// What the page says of a prediction: whether it is too old, and its evidence in the reader's words.

import type { AdviceWords, Risk } from '../../api/types.ts';
import { decimalsFor, number } from '../../messages/format.ts';
import { messages } from '../../messages/index.svelte.ts';

const HOUR_MS = 3600_000;

/** How far the strips look: to what is known last of all rows, in whole hours, a day at most. */
export function spanHours(rows: readonly Risk[], now_ms: number): number {
  const known = rows.flatMap((row) => Object.values(row.instants ?? {})).filter((ms): ms is number => ms !== null);
  return Math.min(24, Math.max(4, Math.ceil((Math.max(now_ms, ...known) - now_ms) / HOUR_MS + 0.5)));
}

/** Whether nobody has said it anew for too long. */
export const old = (row: Risk, now_ms: number, after_ms: number): boolean =>
  row.prediction !== null && after_ms > 0 && now_ms - row.prediction.at_ms > after_ms;

/** One reason, with its figure to as many digits as can be known. */
export function evidence(said: AdviceWords): string {
  const key = `advice.says-${said.code}`;
  const value = said.values['value'];
  if (!messages.has(key) || typeof value !== 'number') return said.text;
  return messages.get(key, { ...said.values, value: number(value, decimalsFor(value)), count: value });
}
