// Ticks of a time axis in plant time: whole minutes and hours of the plant's wall clock.

import { day, hourMinute, clock, midnight, zoneMinutes } from '../messages/format.ts';

const STEPS_MS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
].map((s) => s * 1000);

export interface Tick {
  ms: number;
  text: string;
  day: boolean;
}

export function timeTicks(from_ms: number, to_ms: number, count: number): Tick[] {
  const span = to_ms - from_ms;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const step = STEPS_MS.find((s) => span / s <= count) ?? STEPS_MS.at(-1)!;
  const offset = zoneMinutes(from_ms) * 60000;
  const ticks: Tick[] = [];
  for (let local = Math.ceil((from_ms + offset) / step) * step; local - offset <= to_ms; local += step) {
    // The zone may change within the axis: each tick is brought back with its own offset.
    let ms = local - offset;
    ms = local - zoneMinutes(ms) * 60000;
    if (ms < from_ms || ms > to_ms) continue;
    const isDay = step >= 3600_000 && midnight(ms) === ms;
    ticks.push({ ms, day: isDay, text: isDay ? day(ms) : step < 60_000 ? clock(ms) : hourMinute(ms) });
  }
  return ticks;
}
