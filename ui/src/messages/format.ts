// Numbers, durations and instants for people: a space before units, real minus, 24 h, plant time.

import { live } from '../live/store.svelte.ts';
import type { Value } from '../live/protocol.ts';
import type { SignalInfo } from '../api/types.ts';
import { messages, t } from './index.svelte.ts';

const numbers = new Map<string, Intl.NumberFormat>();
const times = new Map<string, Intl.DateTimeFormat>();

/** A number with thin groups from five digits on, a real minus and a fixed number of decimals. */
export function number(value: number, decimals?: number): string {
  const key = `${messages.tag}:${decimals}`;
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(messages.tag, {
      useGrouping: 'min2',
      ...(decimals === undefined
        ? { maximumFractionDigits: 2 }
        : { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
    });
    numbers.set(key, format);
  }
  return format.format(value).replace('-', '−');
}

/** As many digits as can be known where the plant model does not say. */
export function decimalsFor(value: number): number {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return 0;
  return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}

function time(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = live.plant?.time_zone ?? 'UTC';
  const key = `${messages.tag}:${zone}:${JSON.stringify(options)}`;
  let format = times.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(messages.tag, { timeZone: zone, hourCycle: 'h23', ...options });
    times.set(key, format);
  }
  return format;
}

export const clock = (ms: number) =>
  time({ hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
export const hourMinute = (ms: number) => time({ hour: '2-digit', minute: '2-digit' }).format(ms);
export const clockMs = (ms: number) =>
  `${clock(ms)}.${String(Math.floor(((ms % 1000) + 1000) % 1000)).padStart(3, '0')}`;
export const day = (ms: number) => time({ weekday: 'short', day: 'numeric', month: 'short' }).format(ms);
export const dayTime = (ms: number) => `${day(ms)} ${clock(ms)}`;
const dateKey = (ms: number) => time({ year: 'numeric', month: '2-digit', day: '2-digit' }).format(ms);

/** The time of day; with the day where it is not today's. The portal's 0 is no instant: it says never. */
export function instant(ms: number, now_ms: number): string {
  if (ms === 0) return '–';
  return dateKey(ms) === dateKey(now_ms) ? clock(ms) : dayTime(ms);
}

/** The same without seconds: for what is known about so well. */
export const instantMinute = (ms: number, now_ms: number) =>
  dateKey(ms) === dateKey(now_ms) ? hourMinute(ms) : `${day(ms)} ${hourMinute(ms)}`;

/** Minutes that the plant's zone is ahead of UTC at an instant. */
export function zoneMinutes(ms: number): number {
  const parts = time({
    year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(ms);
  const part = (type: string) => Number(parts.find((p) => p.type === type)?.value ?? 0);
  const local = Date.UTC(
    part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'),
  );
  return Math.round((local - Math.floor(ms / 1000) * 1000) / 60000);
}

/** The last midnight of the plant at or before an instant. */
export function midnight(ms: number): number {
  const offset = zoneMinutes(ms) * 60000;
  const start = Math.floor((ms + offset) / 86400000) * 86400000 - offset;
  // On the nights of clock changes midnight has another offset than now.
  return start - (zoneMinutes(start) * 60000 - offset);
}

/** The instant of a local wall time such as `2026-11-12T13:40`, in the plant's zone; NaN where it is none. */
export function fromLocal(text: string): number {
  const utc = Date.parse(`${text}Z`);
  if (Number.isNaN(utc)) return NaN;
  const guess = utc - zoneMinutes(utc) * 60000;
  return utc - zoneMinutes(guess) * 60000;
}

/** Local wall time of an instant as an input of type datetime-local wants it. */
export function toLocal(ms: number): string {
  return new Date(ms + zoneMinutes(ms) * 60000).toISOString().slice(0, 19);
}

/** `0.4 s`, `41 s`, `11 min`, `3 h 11 min`, `2 d 6 h`: what a person can use, no more. */
export function duration(seconds: number, style: 'short' | 'exact' = 'short'): string {
  const s = Math.max(0, seconds);
  if (s < 9.95) return t('time.s', { n: number(s, 1) });
  if (s < 90) return t('time.s', { n: number(Math.round(s), 0) });
  const whole = Math.round(s);
  if (s < 3600) {
    const rest = whole % 60;
    const minutes = t('time.min', { n: Math.floor(whole / 60) });
    return style === 'exact' && rest ? `${minutes} ${t('time.s', { n: rest })}` : minutes;
  }
  const minutes = Math.floor(whole / 60);
  if (s < 86400 * 2) {
    const rest = minutes % 60;
    const hours = t('time.h', { n: Math.floor(minutes / 60) });
    return rest ? `${hours} ${t('time.min', { n: rest })}` : hours;
  }
  const hours = Math.floor(minutes / 60);
  const rest = hours % 24;
  const days = t('time.d', { n: Math.floor(hours / 24) });
  return rest ? `${days} ${t('time.h', { n: rest })}` : days;
}

const UNITS: Record<string, string> = {
  Cel: '°C', 'kW.h': 'kWh', kWh: 'kWh', 'N.m': 'Nm', '1/min': '/min', '{rpm}': '/min', 'mm/s': 'mm/s', '%': '%',
  '1': '', '[ppm]': 'ppm', 'm3/h': 'm³/h', 'm3/min': 'm³/min', 'ug/m3': 'µg/m³', 'dB(A)': 'dB(A)', um: 'µm', deg: '°',
  'g/m3': 'g/m³', 'kg/m3': 'kg/m³', 'm3': 'm³', '{count}': '', '{#}': '', 'L/min': 'l/min',
};

/** A UCUM code as people write the unit. */
export function unit(code: string): string {
  // UCUM annotations in braces count something that the signal's name says already.
  return UNITS[code] ?? code.replace(/\{[^}]*\}/g, '');
}

/** Bytes as kB, MB, GB. */
export function bytes(n: number): string {
  const steps = ['B', 'kB', 'MB', 'GB', 'TB'];
  let step = 0;
  let size = n;
  while (size >= 1000 && step < steps.length - 1) {
    size /= 1000;
    step += 1;
  }
  return `${number(size, step === 0 || size >= 100 ? 0 : 1)} ${steps[step]}`;
}

/** A value in words, without its unit. */
export function valueText(value: Value | undefined, info: SignalInfo): string {
  if (value === null || value === undefined) return '–';
  const named = info.words?.[String(value)];
  if (named !== undefined) return named;
  if (typeof value === 'boolean') return t(value ? 'value.yes' : 'value.no');
  if (typeof value === 'number') {
    if (info.role === 'serial' || info.role === 'job') return String(value);
    const integer = /^u?int/.test(info.type);
    return number(value, integer ? 0 : (info.decimals ?? decimalsFor(value)));
  }
  if (typeof value === 'string') {
    if (value === '') return t('value.none');
    if (value === 'NaN') return t('value.nan');
    if (value === 'Infinity') return '∞';
    if (value === '-Infinity') return '−∞';
    return value;
  }
  if (Array.isArray(value)) return t('value.curve', { n: value.length });
  if (typeof value['size'] === 'number') return t('value.bytes', { n: value['size'] });
  return t('value.bytes', { n: JSON.stringify(value).length });
}
