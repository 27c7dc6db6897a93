// What a share of runs is in words and where a figure lies on its axis. Pure.

import type { Spread } from '../../api/types.ts';

/** Of twenty likely outcomes. Never "all" or "none" where one run of many said otherwise. */
export function ofTwenty(share: number): number {
  const n = Math.round(share * 20);
  if (n === 20 && share < 1) return 19;
  if (n === 0 && share > 0) return 1;
  return n;
}

/** B for the first scenario; A is doing nothing. */
export const letter = (place: number) => String.fromCharCode(66 + place);

/** As many decimals as the differences between the outcomes need. */
export function decimalsOf(spreads: readonly Spread[]): number {
  const { low, high } = rangeOf(spreads, true);
  const span = high - low;
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (span === 0) return Number.isInteger(size) ? 0 : size >= 100 ? 0 : 1;
  return span >= 20 || size >= 1000 ? 0 : span >= 1 ? 1 : 2;
}

/** From where to where the outcomes reach; all alike still have some room. */
export function rangeOf(spreads: readonly Spread[], dots: boolean): { low: number; high: number } {
  const all = spreads.flatMap((each) => [each.p10, each.p90, each.mean, ...(dots ? each.dots : [])]);
  const low = Math.min(...all);
  const high = Math.max(...all);
  return low < high ? { low, high } : { low, high: low };
}

/** As many decimals as keep the ticks of an axis apart. */
export function tickDecimals(ticks: readonly number[]): number {
  const step = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) : 0;
  return step > 0 ? Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) : Number.isInteger(ticks[0] ?? 0) ? 0 : 1;
}

/** Dots of one row, piled up where they meet: x in pixels, and the place in its pile. */
export function piled(values: readonly number[], x: (value: number) => number, step: number): { x: number; pile: number }[] {
  const piles = new Map<number, number>();
  return values.map((value) => {
    const column = Math.round(x(value) / step);
    const pile = piles.get(column) ?? 0;
    piles.set(column, pile + 1);
    return { x: column * step, pile };
  });
}
