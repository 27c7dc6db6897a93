// What the page says of parameters: their values in the measure of people, and what they rest on.

import type { CalibrationEntry, Parameter } from '../../api/types.ts';
import { dayTime, number, unit as unitText } from '../../messages/format.ts';
import { messages, t } from '../../messages/index.svelte.ts';

interface Note { code: string; text: string; subjects: string[] }

/** The page's own words; what it has none for is said in the room's. */
const said = (key: string, otherwise: string, values: Record<string, string | number>) => (messages.has(key) ? messages.get(key, values) : otherwise);

/** Why a set was made, or what was not measured and is taken otherwise. */
export function noteText(note: Note): string {
  const [first = '', ...rest] = note.subjects;
  const values = { subjects: note.subjects.join(', '), first, rest: rest.join(', '), n: note.subjects.length };
  const own = `calibration.note-${note.code}`;
  return messages.has(own) ? messages.get(own, values) : said(`whatif.note-${note.code}`, note.text, values);
}

/** Sections of the page, in the sequence in which a planner asks: the unknown ones stand behind. */
export const KINDS = ['work', 'setup', 'until', 'repair', 'life', 'scrap', 'lost', 'remade', 'orders', 'turn', 'batch', 'pause', 'patience', 'delay', 'late', 'beyond', 'varies', 'band', 'power', 'share', 'heard'];
const SHARES = ['scrap', 'share', 'lost', 'remade', 'orders', 'varies'];
export const kindName = (kind: string) => said(`calibration.kind-${kind}`, kind, {});

/** What of the plant a parameter is about: machine, product, kind of stop. */
export function subject(each: Parameter): string {
  const [unit = '', ...rest] = each.subjects;
  const words = rest.map((one) => said(`calibration.word-${one}`, one, {}));
  if (each.kind === 'setup') return `${unit}: ${words.join(' → ')}`;
  return [unit, ...words].join(' · ');
}

/** Decimals that show where the interval ends, of a value in a measure; else so many. */
function decimals(each: Parameter, measure: number, otherwise: number): number {
  const half = each.low === null || each.high === null ? 0 : Math.abs(each.high - each.low) / 2 / measure;
  return half > 0 ? Math.min(3, Math.max(0, 1 - Math.floor(Math.log10(half)))) : otherwise;
}

/** A duration, a share or a count, as exactly as it is known. */
export function amount(value: number, each: Parameter): string {
  if (each.unit === 's') {
    // One measure for all of a row: its interval and the other set's value are read beside it.
    if (each.value < 120) return t('time.s', { n: number(value, decimals(each, 1, value < 10 ? 2 : 1)) });
    if (each.value < 7200) return t('time.min', { n: number(value / 60, decimals(each, 60, 1)) });
    return t('time.h', { n: number(value / 3600, decimals(each, 3600, 1)) });
  }
  if (SHARES.includes(each.kind)) return `${number(value * 100, decimals(each, 0.01, 1))} %`;
  if (each.unit === '1') return number(value, Number.isInteger(value) ? 0 : 1);
  return `${number(value, 2)} ${unitText(each.unit)}`;
}

export const between = (each: Parameter) => (each.low === null || each.high === null ? '' : `${amount(each.low, each)} – ${amount(each.high, each)}`);
export const minute = (ms: number) => dayTime(ms).slice(0, -3);
/** By how much it is another value than in the set beside it. */
export function change(each: Parameter): string {
  if (each.beside === null || !each.beside) return '';
  const share = each.value / each.beside - 1;
  return Math.abs(share) < 0.0005 ? '–' : `${share > 0 ? '+' : '−'}${number(Math.abs(share) * 100, 1)} %`;
}
export const parameterName = (name: string) => {
  const [kind = '', ...rest] = name.split('/');
  return `${kindName(kind)} ${rest.map((one) => said(`calibration.word-${one}`, one, {})).join(' · ')}`;
};

/** What stands behind a figure beside how much: where it was pooled, drifted, or fits nothing. */
export function remarks(each: Parameter): string[] {
  const found: string[] = [];
  if (each.pooled === 'class') found.push(t('calibration.pooled-class', { n: each.pooled_units, name: each.pooled_of, own: each.n_own }));
  if (each.pooled === 'unit') found.push(t('calibration.pooled-unit', { name: each.pooled_of, own: each.n_own }));
  if (!each.pooled && !each.drifted && each.n_own > each.n) found.push(t('calibration.thinned', { own: number(each.n_own, 0), n: number(each.n, 0) }));
  if (each.drifted) found.push(t('calibration.drifted'));
  if (each.few) found.push(t('calibration.few'));
  if (!each.fits) found.push(t('calibration.poor'));
  if (each.far_out) found.push(t('calibration.far-out', { n: each.far_out }));
  return found;
}

export function entryText(entry: CalibrationEntry): string {
  const name = entry.calibration === 'standard-times' ? t('calibration.standard') : entry.calibration;
  const at = entry.at_ms ? minute(entry.at_ms) : '';
  const who = entry.by === 'person' ? entry.who : t(`calibration.by-${entry.by as 'configuration' | 'command' | 'night'}`);
  return t(entry.what === 'in_use' ? 'calibration.entry-used' : 'calibration.entry-proposed', { name, at, who });
}
