// Ahead: one run of a simulation, played on the same plan as what was seen. Its frames come from memory,
// so nothing can be changed in it and no link is needed; leaving it asks the server for its picture.

import type { UnitDocument } from '../api/types.ts';
import { placeAt, type Run, type Span } from './run.ts';
import { link } from './socket.ts';
import { live } from './store.svelte.ts';

export const SPEEDS = [10, 60, 600, 3600] as const;
const PICTURE_MS = 100; // of wall time between two pictures while it plays

class Ahead {
  /** The run that was seen last; it can be entered again. */
  run = $state.raw<Run | null>(null);
  at_ms = $state(0);
  speed = $state<number>(600);
  playing = $state(false);
  /** The machine that was pointed at. */
  unit = $state('');
  private starts = new Map<string, number[]>();
  private shown = new Map<string, number>();
  private changes: number[] = [];
  private timer = 0;
  private ticked = 0;

  /** True while the page shows the run. */
  readonly on: boolean = $derived(live.mode === 'ahead');

  load(run: Run): void {
    this.run = run;
    this.at_ms = run.start_ms;
    this.shown.clear();
    this.starts = new Map(run.units.map((each) => [each.unit, each.spans.map((span) => span.from_ms)]));
    this.changes = [...new Set([...this.starts.values()].flat())].sort((a, b) => a - b);
  }

  enter(): void {
    if (!this.run) return;
    link.ahead();
    this.shown.clear();
    this.unit = '';
    this.goto(this.at_ms);
    this.play();
  }

  leave(): void {
    this.pause();
    link.live();
  }

  play(): void {
    if (this.run && this.at_ms >= this.run.end_ms) this.goto(this.run.start_ms);
    this.playing = true;
    this.ticked = performance.now();
    clearInterval(this.timer);
    this.timer = window.setInterval(() => this.tick(), PICTURE_MS);
  }

  pause(): void {
    this.playing = false;
    clearInterval(this.timer);
  }

  faster(): void {
    if (this.playing) this.speed = SPEEDS.find((speed) => speed > this.speed) ?? SPEEDS[0];
    else this.play();
  }

  /** Show an instant of the run. */
  goto(at_ms: number): void {
    const run = this.run;
    if (!run || !this.on) return;
    this.at_ms = Math.min(Math.max(at_ms, run.start_ms), run.end_ms);
    live.now_ms = this.at_ms;
    for (const { unit, spans } of run.units) {
      const place = placeAt(this.starts.get(unit)!, this.at_ms);
      if (this.shown.get(unit) === place) continue;
      this.shown.set(unit, place);
      const drawn = live.units.get(unit);
      if (drawn) drawn.document = place < 0 ? null : predicted(unit, spans[place]!);
    }
    live.buffers = new Map(
      run.buffers.map(({ buffer, from_ms, content }) => {
        const place = placeAt(from_ms, this.at_ms);
        return [buffer, { buffer, capacity: 0, content: place < 0 ? null : content[place]! }];
      }),
    );
  }

  /** To the next instant, or the one before, at which some machine begins something else. */
  step(direction: 1 | -1): void {
    this.pause();
    const place = placeAt(this.changes, this.at_ms);
    const next = direction > 0 ? place + 1 : this.changes[place] === this.at_ms ? place - 1 : place;
    const at_ms = this.changes[next];
    if (at_ms !== undefined) this.goto(at_ms);
  }

  private tick(): void {
    const at = performance.now();
    const passed = at - this.ticked;
    this.ticked = at;
    if (!this.on || !this.run) {
      this.pause(); // somebody went to another mode
      return;
    }
    this.goto(this.at_ms + passed * this.speed);
    if (this.at_ms >= this.run.end_ms) this.pause();
  }
}

/** A machine as it would be told if it were seen: what the run does not know is empty. */
function predicted(unit: string, span: Span): UnitDocument {
  return {
    unit, state: '', time_class: span.time_class, reason: '', since_ms: span.from_ms, confirmed_ms: span.from_ms, inferred: true,
    job: span.order, program: span.product, serial: '', cycle_time_s: null, energy_kwh: null, power_kw: null, good_count: null, reject_count: null,
    last_known_class: span.time_class, last_known_since_ms: span.from_ms,
  };
}

export const ahead = new Ahead();
