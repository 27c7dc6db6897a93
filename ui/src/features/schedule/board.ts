// Geometry of the schedule: where a bar stands, what a drag or a key makes of it. Pure.
import type { ScheduledJob } from '../../api/types.ts';

export interface Move {
  job: string;
  work_unit: string;
  begin_ms: number;
}
export interface Window {
  from_ms: number;
  to_ms: number;
}
export const SNAP_MS = 5 * 60_000;

/** Left edge and width in per cent of the window; null where nothing of it is inside. */
export function span(begin_ms: number, end_ms: number, seen: Window): { left: number; width: number } | null {
  const whole = seen.to_ms - seen.from_ms;
  const left = Math.max(begin_ms, seen.from_ms);
  const right = Math.min(end_ms, seen.to_ms);
  return right <= left ? null : { left: ((left - seen.from_ms) / whole) * 100, width: ((right - left) / whole) * 100 };
}

/** The instant at a share of the window, on the grid to which bars snap. */
export function snapped(ms: number): number {
  return Math.round(ms / SNAP_MS) * SNAP_MS;
}

/** The moves with one more; a job order that is moved again is moved once. */
export function withMove(moves: readonly Move[], move: Move): Move[] {
  return [...moves.filter((each) => each.job !== move.job), move];
}

/** The work unit above or below among those on which a job order may run. */
export function neighbour(job: ScheduledJob, unit: string, rows: readonly string[], step: 1 | -1): string {
  const may = rows.filter((row) => job.candidates.includes(row));
  const at = may.indexOf(unit);
  return may[Math.min(may.length - 1, Math.max(0, at + step))] ?? unit;
}

/** Hours at which a line is drawn, and those that begin a day. */
export function ticks(seen: Window, midnight: (ms: number) => number): { at_ms: number; day: boolean }[] {
  const hour = 3_600_000;
  const step = seen.to_ms - seen.from_ms > 60 * hour ? 12 * hour : 3 * hour;
  const found = [];
  for (let at = midnight(seen.from_ms); at < seen.to_ms; at += step) {
    if (at >= seen.from_ms) found.push({ at_ms: at, day: at === midnight(at) });
  }
  return found;
}
