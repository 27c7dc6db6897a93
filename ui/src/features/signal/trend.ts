// How far a value moved, said only over the time for which there are values. Pure.

export interface Trend {
  by: number;
  span_ms: number;
}

export const SPAN_MIN_MS = 120_000;
export const COLUMNS_MIN = 8;

/**
 * Return the trend of a curve's columns: their starts, their means, the width of one, all in milliseconds.
 * Null where there is too little of it to say anything.
 *
 * The slope is the median of the slopes between all pairs of columns (Theil and Sen): one part that was
 * not in the machine, or one that was, moves it as little as it should.
 */
export function trendOf(starts_ms: ArrayLike<number>, means: ArrayLike<number>, width_ms: number): Trend | null {
  const points: [number, number][] = [];
  for (let k = 0; k < starts_ms.length; k += 1) {
    if (Number.isFinite(means[k]!)) points.push([starts_ms[k]!, means[k]!]);
  }
  if (points.length < COLUMNS_MIN) return null;
  const span_ms = points.at(-1)![0] - points[0]![0] + width_ms;
  if (span_ms < SPAN_MIN_MS) return null;
  const slopes: number[] = [];
  for (let a = 0; a < points.length; a += 1) {
    for (let b = a + 1; b < points.length; b += 1) {
      slopes.push((points[b]![1] - points[a]![1]) / (points[b]![0] - points[a]![0]));
    }
  }
  slopes.sort((a, b) => a - b);
  const middle = slopes.length >> 1;
  const slope = slopes.length % 2 ? slopes[middle]! : (slopes[middle - 1]! + slopes[middle]!) / 2;
  return { by: slope * span_ms, span_ms };
}
