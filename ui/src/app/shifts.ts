// Which shift it is, by the plant's wall clock.

import type { ShiftInfo } from '../api/types.ts';
import { midnight } from '../messages/format.ts';

export interface Shift {
  id: string;
  name: string;
  from_ms: number;
  to_ms: number;
}

const DAY_MS = 86_400_000;

function minutes(text: string): number {
  const [hours, rest] = text.split(':');
  return Number(hours) * 60 + Number(rest ?? 0);
}

/** The shift that holds an instant; null outside of all. Reads `06:00` as well as whole time stamps. */
export function shiftAt(shifts: ShiftInfo[], ms: number): Shift | null {
  const start = midnight(ms);
  for (const shift of shifts) {
    const given = shift as unknown as { from_ms?: number; to_ms?: number };
    if (given.from_ms !== undefined && given.to_ms !== undefined) {
      if (ms >= given.from_ms && ms < given.to_ms) return { ...shift, from_ms: given.from_ms, to_ms: given.to_ms };
      continue;
    }
    const from = minutes(shift.from) * 60_000;
    let to = minutes(shift.to) * 60_000;
    if (to <= from) to += DAY_MS;
    for (const at of [start, start - DAY_MS]) {
      if (ms >= at + from && ms < at + to) {
        return { id: shift.id, name: shift.name, from_ms: at + from, to_ms: at + to };
      }
    }
  }
  return null;
}
