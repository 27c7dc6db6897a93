// A curve's columns as paths of one row of the strip; counters become ticks, one a part.

import type { Columns } from '../api/columns.ts';
import type { SignalInfo } from '../api/types.ts';
import { number } from '../messages/format.ts';
import { t } from '../messages/index.svelte.ts';

export interface Trace {
  info: SignalInfo;
  line: string;
  band: string;
  gaps: [number, number][];
  limits: { y: number; text: string }[];
  /** x of each counted part, thinned to one a pixel. */
  steps: number[];
  made: number;
  range: string;
}

export function trace(info: SignalInfo, columns: Columns, from: number, to: number, width: number, height: number): Trace {
  const time = columns.f64['t_ms'] ?? new Float64Array();
  const low = columns.f64['min'] ?? time;
  const high = columns.f64['max'] ?? time;
  const mean = columns.f64['mean'] ?? time;
  const x = (ms: number) => ((ms - from) / (to - from)) * width;
  const gaps = (columns.header.gaps ?? []).map(([a, b]): [number, number] => [Math.max(0, x(a)), Math.min(width, x(b))]);
  const inGap = (a: number, b: number) => (columns.header.gaps ?? []).some(([p, q]) => p < b && q > a);
  let lo = Infinity;
  let hi = -Infinity;
  for (let k = 0; k < time.length; k += 1) {
    lo = Math.min(lo, low[k]!);
    hi = Math.max(hi, high[k]!);
  }
  const empty = !Number.isFinite(lo);
  const range = empty ? '' : `${number(lo, info.decimals ?? 1)}–${number(hi, info.decimals ?? 1)}`;
  const limits = info.limits.filter((limit) => limit.value !== null && (limit.kind === 'high' || limit.kind === 'low'));
  if (!empty) {
    // A limit within reach of the values belongs into the picture; a far one would flatten it.
    const spread = Math.max(hi - lo, Math.abs(hi) * 0.02, 1e-9);
    for (const limit of limits) {
      if (limit.value! > lo - spread * 3 && limit.value! < hi + spread * 3) {
        lo = Math.min(lo, limit.value!);
        hi = Math.max(hi, limit.value!);
      }
    }
    if (hi - lo < 1e-9) [lo, hi] = [lo - 1, hi + 1];
  }
  const y = (v: number) => height - 4 - ((v - lo) / (hi - lo)) * (height - 8);

  let line = '';
  let upper: string[] = [];
  let lower: string[] = [];
  let band = '';
  const closeBand = () => {
    if (upper.length > 1) band += `M${upper.join('L')}L${lower.toReversed().join('L')}Z`;
    upper = [];
    lower = [];
  };
  const steps: number[] = [];
  let made = 0;
  let before = NaN;
  for (let k = 0; k < time.length; k += 1) {
    const v = mean[k]!;
    if (!Number.isFinite(v)) {
      closeBand();
      before = NaN;
      continue;
    }
    const px = x(time[k]!);
    const cut = Number.isNaN(before) || (k > 0 && inGap(time[k - 1]!, time[k]!));
    if (cut) closeBand();
    line += `${cut ? 'M' : 'L'}${px.toFixed(1)} ${y(v).toFixed(1)}`;
    upper.push(`${px.toFixed(1)} ${y(high[k]!).toFixed(1)}`);
    lower.push(`${px.toFixed(1)} ${y(low[k]!).toFixed(1)}`);
    if (info.role === 'good_count') {
      const top = high[k]!;
      if (!Number.isNaN(before) && top > before) {
        made += top - before;
        if (!steps.length || px - steps.at(-1)! >= 1) steps.push(px);
      }
      before = top;
    } else before = v;
  }
  closeBand();
  return {
    info, line, band, gaps, steps, made, range,
    limits: limits
      .filter((limit) => limit.value! >= lo && limit.value! <= hi)
      .map((limit) => ({
        y: y(limit.value!),
        text: t(limit.kind === 'high' ? 'value.must-be-under' : 'value.must-be-over', { limit: number(limit.value!) }),
      })),
  };
}
