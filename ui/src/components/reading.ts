// How a value is to be drawn: good, uncertain, too old, bad, never received. Every component that shows
// a value asks here, so that none can show one without its quality and age.

import { live, type Reading, type Signal } from '../live/store.svelte.ts';
import { duration, unit, valueText } from '../messages/format.ts';
import { t } from '../messages/index.svelte.ts';

export type Drawing = 'good' | 'uncertain' | 'old' | 'bad' | 'never';

export interface Shown {
  drawing: Drawing;
  text: string;
  unit: string;
  quality: string;
  /** Seconds since the value was last vouched for. */
  age_s: number;
  age: string;
  /** Seconds since the value was last different, where that is longer than its age. */
  same_s: number;
}

export function drawingOf(reading: Reading | null): Drawing {
  if (!reading) return 'never';
  if (reading.old || live.lost) return 'old';
  if (reading.quality >= 3) return 'bad';
  if (reading.quality === 2) return 'uncertain';
  if (reading.quality === 1) return 'never';
  return 'good';
}

const LABELS = ['value.good', 'value.good-no-data', 'value.uncertain', 'value.bad'] as const;

export function show(signal: Signal): Shown {
  const reading = signal.reading;
  const drawing = drawingOf(reading);
  const age_s = reading ? Math.max(0, (live.now_ms - reading.confirmed_ms) / 1000) : 0;
  const same_s = reading ? Math.max(0, (reading.confirmed_ms - reading.source_ms) / 1000) : 0;
  return {
    drawing,
    text: reading ? valueText(reading.value, signal.info) : '–',
    unit: reading && typeof reading.value === 'number' ? unit(signal.info.unit) : '',
    quality:
      drawing === 'old' ? t('value.old') : reading ? t(LABELS[reading.quality] ?? 'value.bad') : t('value.never'),
    age_s,
    age: reading ? duration(age_s) : '–',
    same_s,
  };
}

/** The alarm limit that a value is beyond now, the most urgent one. */
export function beyond(signal: Signal) {
  const value = signal.reading?.value;
  if (typeof value !== 'number') return null;
  let worst = null;
  for (const limit of signal.info.limits) {
    if (limit.value === null) continue;
    const over = limit.kind === 'high' ? value > limit.value : limit.kind === 'low' ? value < limit.value : false;
    if (over && (!worst || limit.priority < worst.priority)) worst = limit;
  }
  return worst;
}
