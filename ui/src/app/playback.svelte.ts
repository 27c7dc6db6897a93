// The one time bar: live or replay, the instant, the speed. It also keeps the bar's own data.

import * as api from '../api/client.ts';
import type { Bar } from '../api/types.ts';
import { link } from '../live/socket.ts';
import { live } from '../live/store.svelte.ts';
import { router } from './router.svelte.ts';

export const SPEEDS = [1, 10, 60, 600] as const;
const SPAN_MIN_MS = 10 * 60_000;
const SPAN_DEFAULT_MS = 8 * 3600_000;
const SPAN_MAX_MS = 14 * 86_400_000;

class Playback {
  bar = $state.raw<Bar | null>(null);
  /** Why the bar could not be read the last time; empty where it could. */
  failed = $state('');
  /** Chosen length of the bar; null: since start, at most 8 h. */
  /** The speed that play resumes with. */
  chosen = $state(1);
  span_ms = $state<number | null>(null);
  columns = $state(96);
  private back = { presses: 0, at: -Infinity };
  private asked: AbortController | null = null;
  private urlAt = 0;

  /** True once the server has said what is recorded. */
  readonly known: boolean = $derived(this.bar !== null);

  get replaying(): boolean {
    return live.mode === 'replay';
  }

  /** The living plant's now, as the bar draws it. */
  readonly end_ms: number = $derived.by(() => {
    const shown = live.edge_ms; // ticks twice a second, so this stays current
    if (live.mode === 'live' && live.lost) return shown;
    const now = live.mode === 'live' && shown ? shown : live.liveNow(performance.now());
    return Math.max(now, this.bar?.now_ms ?? 0, shown);
  });

  readonly start_ms: number = $derived(this.bar?.start_ms || this.end_ms - SPAN_MIN_MS);

  /** True where the page shows an instant before anything was recorded. */
  readonly before_start: boolean = $derived((this.bar?.start_ms ?? 0) > live.now_ms);

  readonly from_ms: number = $derived.by(() => {
    const whole = Math.max(SPAN_MIN_MS, (this.end_ms - this.start_ms) * 1.02);
    const span = this.span_ms ?? Math.min(whole, SPAN_DEFAULT_MS);
    // An instant before the bar's beginning pulls the bar along.
    const normal = this.end_ms - span;
    return this.replaying ? Math.min(normal, live.edge_ms - span * 0.05) : normal;
  });

  begin(): void {
    const at = router.query('at');
    if (router.query('mode') === 'replay' && at !== null) {
      const ms = /^\d+$/.test(at) ? Number(at) : Date.parse(at);
      if (Number.isFinite(ms)) link.replay({ at_ms: ms, speed: 0 });
    }
    // Plant time need not be wall time: the first question waits for the first picture.
    const first = setInterval(() => {
      if (!live.now_ms) return;
      clearInterval(first);
      void this.refresh();
    }, 100);
    setInterval(() => void this.refresh(), 10_000);
    setInterval(() => this.follow(), 2000);
    // Back and forward in the browser may change the instant too.
    addEventListener('popstate', () => {
      const at = router.query('at');
      if (router.query('mode') === 'replay' && at !== null) link.replay({ at_ms: Date.parse(at), speed: 0 });
      else link.live();
    });
  }

  async refresh(): Promise<void> {
    if (!live.now_ms) return;
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    try {
      const end = this.end_ms;
      const from = this.bar ? this.from_ms : end - SPAN_DEFAULT_MS;
      const bar = await api.bar(from, end, this.columns, asked.signal);
      const first = this.bar === null;
      live.serverNow(bar.now_ms, performance.now());
      this.bar = bar;
      this.failed = '';
      if (first) void this.refresh();
    } catch (error) {
      if (asked.signal.aborted) return;
      if (!(error instanceof api.ApiError)) throw error;
      this.failed = error.message;
    }
  }

  zoom(factor: number): void {
    const now = this.end_ms - this.from_ms;
    const whole = Math.max(SPAN_MIN_MS, (this.end_ms - this.start_ms) * 1.02);
    this.span_ms = Math.min(Math.max(now * factor, SPAN_MIN_MS), Math.max(whole, SPAN_DEFAULT_MS), SPAN_MAX_MS);
    void this.refresh();
  }

  clamp(ms: number): number {
    return Math.min(Math.max(ms, this.start_ms), this.end_ms);
  }

  goto(ms: number, speed?: number): void {
    const at_ms = this.clamp(ms);
    link.replay({ at_ms, speed: speed ?? (this.replaying ? live.speed : 0) });
    live.now_ms = at_ms;
    this.share(at_ms);
  }

  drag(ms: number): void {
    const at_ms = this.clamp(ms);
    if (!this.replaying) link.replay({ at_ms, speed: 0 });
    else link.drag(at_ms);
    live.now_ms = at_ms;
  }

  dropped(): void {
    if (this.replaying) this.share(live.now_ms);
  }

  live(): void {
    link.live();
    router.replaceQuery({ mode: null, at: null });
  }

  play(): void {
    if (!this.replaying) return;
    link.setSpeed(live.speed === 0 ? this.chosen : 0);
    this.share(live.now_ms);
  }

  pause(): void {
    if (!this.replaying) this.goto(live.now_ms, 0);
    else this.play();
  }

  faster(): void {
    if (!this.replaying) return;
    // While it stands, the first press starts it; each further one is faster.
    if (live.speed !== 0) this.chosen = SPEEDS.find((speed) => speed > live.speed) ?? SPEEDS[0];
    link.setSpeed(this.chosen);
  }

  /** `j`: 10 s back; pressed again and again, further. `at` is when it was pressed, not when we got to it. */
  rewind(at: number): void {
    this.back = { presses: at - this.back.at < 1200 ? this.back.presses + 1 : 0, at };
    const steps = [10, 30, 60, 300, 900, 3600];
    const step = steps[Math.min(this.back.presses, steps.length - 1)]!;
    this.goto(live.now_ms - step * 1000);
  }

  /** One event back or forward; what an event is, the recorder decides. */
  event(direction: 1 | -1): void {
    if (!this.replaying) {
      if (direction > 0) return;
      link.replay({ at_ms: live.now_ms, speed: 0 });
    } else if (live.speed !== 0) link.setSpeed(0);
    link.step(direction);
    setTimeout(() => {
      if (this.replaying) this.share(live.now_ms);
    }, 500);
  }

  hour(direction: 1 | -1): void {
    this.goto(live.now_ms + direction * 3600_000);
  }

  private follow(): void {
    if (this.replaying && Math.abs(live.now_ms - this.urlAt) > 1000) this.share(live.now_ms);
    if (this.replaying && live.speed > 0 && live.now_ms >= this.end_ms - 1500) this.live();
  }

  private share(ms: number): void {
    this.urlAt = ms;
    router.replaceQuery({ mode: 'replay', at: new Date(Math.round(ms)).toISOString() });
  }
}

export const playback = new Playback();
