// What is drawn on the curve's canvas. uPlot keeps scales, axes and cursor; the marks are ours.

import type uPlot from 'uplot';
import type { Columns } from '../../api/columns.ts';
import type { LimitInfo } from '../../api/types.ts';
import type { Tick } from '../../components/ticks.ts';
import { duration, number } from '../../messages/format.ts';
import { t } from '../../messages/index.svelte.ts';

export interface Look {
  columns: Columns | null;
  span: [number, number];
  now_ms: number;
  live: boolean;
  limits: LimitInfo[];
  unit: string;
  decimals: number | undefined;
  /** Counters, states and switches hold their value until the next one. */
  step: boolean;
  /** What the stream said and the history has not stored yet, as lines of (time, value). */
  tail: [number, number][][];
}
type Css = (name: string) => string;

function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string, scale: number) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2.2 * scale;
  const step = 8.5 * scale;
  ctx.beginPath();
  for (let k = x - h; k < x + w + h; k += step) {
    ctx.moveTo(k, y + h);
    ctx.lineTo(k + h, y);
  }
  ctx.stroke();
  ctx.restore();
}

export function drawCurve(u: uPlot, look: Look, css: Css, ticks: (from: number, to: number) => Tick[]): void {
  const { ctx, bbox } = u;
  const data = look.columns;
  const px = devicePixelRatio;
  const X = (ms: number) => u.valToPos(ms, 'x', true);
  const Y = (v: number) => u.valToPos(v, 'y', true);
  const [left, top, width, height] = [bbox.left, bbox.top, bbox.width, bbox.height];
  const right = left + width;
  const bottom = top + height;
  const font = (size: number, weight = 450) => `${weight} ${size * px}px Inter, sans-serif`;
  const label = (text: string, x: number, y: number, align: CanvasTextAlign, colour: string, f = font(11)) => {
    ctx.font = f;
    ctx.textAlign = align;
    ctx.lineWidth = 4 * px;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = css('--raised');
    ctx.strokeText(text, x, y);
    ctx.fillStyle = colour;
    ctx.fillText(text, x, y);
  };
  ctx.save();

  // Time axis in plant time, below the quality strip.
  for (const tick of ticks(look.span[0], look.span[1])) {
    const x = X(tick.ms);
    if (x < left || x > right) continue;
    ctx.strokeStyle = css('--line');
    ctx.lineWidth = (tick.day ? 1.6 : 0.8) * px;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom + 20 * px);
    ctx.stroke();
    label(tick.text, x, bottom + 36 * px, 'center', css('--ink3'));
  }

  const gaps = data?.header.gaps ?? [];
  const time = data?.f64['t_ms'];
  const low = data?.f64['min'];
  const high = data?.f64['max'];
  const mean = data?.f64['mean'];
  const quality = data?.u8['quality'];
  const strip = bottom + 8 * px;
  const stripHeight = 12 * px;

  if (data && time && low && high && mean) {
    const isGap = (a: number, b: number) => gaps.some(([from, to]) => from < b && to > a);
    const runs: [number, number][] = [];
    let from = 0;
    for (let k = 1; k <= time.length; k += 1) {
      if (k === time.length || isGap(time[k - 1]!, time[k]!) || !Number.isFinite(mean[k]!)) {
        if (k > from) runs.push([from, k]);
        from = k;
      }
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.fillStyle = css('--fact3');
    ctx.globalAlpha = 0.6;
    for (const [a, b] of runs) {
      ctx.beginPath();
      for (let k = a; k < b; k += 1) ctx.lineTo(X(time[k]!), Y(high[k]!));
      for (let k = b - 1; k >= a; k -= 1) ctx.lineTo(X(time[k]!), Y(low[k]!));
      ctx.fill();
    }
    ctx.globalAlpha = 1;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = css('--fact');
    ctx.lineWidth = 1.7 * px;
    for (const [a, b] of runs) {
      ctx.beginPath();
      for (let k = a; k < b; k += 1) {
        if (look.step && k > a) ctx.lineTo(X(time[k]!), Y(mean[k - 1]!));
        ctx.lineTo(X(time[k]!), Y(mean[k]!));
      }
      if (b - a === 1) ctx.arc(X(time[a]!), Y(mean[a]!), px, 0, 7);
      ctx.stroke();
    }
    for (const line of look.tail) {
      ctx.beginPath();
      for (const [ms, value] of line) ctx.lineTo(X(ms), Y(value));
      ctx.stroke();
    }
    // A line beyond its limit: its priority's colour on an ink line.
    for (const limit of look.limits) {
      const over = (v: number) => (limit.kind === 'high' ? v > limit.value! : v < limit.value!);
      for (const [colour, w] of [[css('--ink1'), 6], [css(`--p${limit.priority}f`), 3.8]] as const) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = w * px;
        for (const [a, b] of runs) {
          ctx.beginPath();
          let open = false;
          for (let k = a; k < b; k += 1) {
            if (!over(mean[k]!)) {
              open = false;
              continue;
            }
            if (open) ctx.lineTo(X(time[k]!), Y(mean[k]!));
            else ctx.moveTo(X(time[k]!), Y(mean[k]!));
            open = true;
          }
          ctx.stroke();
        }
      }
    }
    ctx.restore();

    // Quality, as received: Good plain, Uncertain dotted, no data hatched.
    const end = Math.min(X(look.now_ms), right);
    ctx.strokeStyle = css('--edge');
    ctx.lineWidth = px;
    ctx.strokeRect(left, strip, Math.max(0, end - left), stripHeight);
    if (quality) {
      let k = 0;
      while (k < quality.length) {
        let n = k;
        while (n + 1 < quality.length && quality[n + 1] === quality[k]) n += 1;
        if (quality[k]! >= 2) {
          const [a, b] = [X(time[k]!), X(time[n]!)];
          ctx.fillStyle = css('--raised');
          ctx.fillRect(a, strip, Math.max(2 * px, b - a), stripHeight);
          ctx.setLineDash([2 * px, 2 * px]);
          ctx.strokeStyle = css('--ink1');
          ctx.strokeRect(a, strip, Math.max(2 * px, b - a), stripHeight);
          ctx.setLineDash([]);
          const word = t(quality[k] === 2 ? 'value.uncertain' : 'value.bad');
          if (b - a > 60 * px) label(word, (a + b) / 2, strip + 10 * px, 'center', css('--ink1'), font(11, 600));
        }
        k = n + 1;
      }
    }
    const begin = Math.max(left, X(time[0] ?? look.tail[0]?.[0]?.[0] ?? look.span[0]));
    if ((quality?.[0] ?? 0) < 2 && end - begin > 50 * px) label(t('value.good'), begin + 6 * px, strip + 10 * px, 'left', css('--ink1'));
  }

  for (const [from, to] of gaps) {
    const a = Math.max(left, X(from));
    const b = Math.min(right, X(to), X(look.now_ms));
    if (b <= a) continue;
    hatch(ctx, a, top, b - a, height, css('--hatch'), px);
    hatch(ctx, a, strip, b - a, stripHeight, css('--hatch'), px);
    const text = t('signal.no-data');
    const age = duration((to - from) / 1000, 'exact');
    ctx.font = font(12, 650);
    const w = Math.max(ctx.measureText(text).width, ctx.measureText(age).width) + 24 * px;
    const cx = Math.min(Math.max((a + b) / 2, left + w / 2), right - w / 2);
    ctx.fillStyle = css('--raised');
    ctx.strokeStyle = css('--edge');
    ctx.lineWidth = px;
    ctx.beginPath();
    ctx.roundRect(cx - w / 2, top + height * 0.3, w, 40 * px, 5 * px);
    ctx.fill();
    ctx.stroke();
    label(text, cx, top + height * 0.3 + 17 * px, 'center', css('--ink1'), font(12, 650));
    label(age, cx, top + height * 0.3 + 33 * px, 'center', css('--ink2'), font(12));
  }

  for (const limit of look.limits) {
    const y = Y(limit.value!);
    if (y < top || y > bottom) continue;
    ctx.strokeStyle = css('--ink1');
    ctx.lineWidth = 1.6 * px;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    label(
      t(limit.kind === 'high' ? 'value.must-be-under' : 'value.must-be-over', { limit: number(limit.value!) }),
      right + 6 * px, y - 2 * px, 'left', css('--ink1'), font(11, 650),
    );
    label(t('alarm.priority', { priority: limit.priority }), right + 6 * px, y + 12 * px, 'left', css('--ink2'));
  }

  const now = X(look.now_ms);
  if (now >= left && now <= right + 2) {
    ctx.strokeStyle = css('--ink1');
    ctx.lineWidth = 2.4 * px;
    ctx.beginPath();
    ctx.moveTo(now, top - 22 * px);
    ctx.lineTo(now, strip + stripHeight);
    ctx.stroke();
    if (look.live) {
      ctx.fillStyle = css('--btn');
      ctx.beginPath();
      ctx.roundRect(now - px, top - 24 * px, 52 * px, 20 * px, 4 * px);
      ctx.fill();
      ctx.font = font(12, 700);
      ctx.textAlign = 'center';
      ctx.fillStyle = css('--btn-on');
      ctx.fillText(t('time.now'), now + 25 * px, top - 10 * px);
    }
  }
  ctx.restore();
}
