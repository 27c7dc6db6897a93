// Values of quality in words: with their unit, and their limits beside them.

import type { Characteristic, Check, Result } from '../api/types.ts';
import { number, unit } from '../messages/format.ts';
import { t } from '../messages/index.svelte.ts';

type Limits = Pick<Check | Characteristic | Result, 'lower' | 'upper' | 'unit_of_measure'>;

const DECIMALS_MAX = 6;
const DIGITS = 7; // machines say 32-bit numbers: what comes after is not theirs

/** As many digits as were measured or written into the limits, whatever page it stands on. */
function exact(value: number): string {
  const decimals = (String(Number(value.toPrecision(DIGITS))).split('.')[1] ?? '').length;
  return number(value, Math.min(decimals, DECIMALS_MAX));
}

const withUnit = (text: string, code: string) => (unit(code) ? `${text} ${unit(code)}` : text);

/** `2.2–2.6 mm`, `at most 12 µm`, `yes`. */
export function limitsText({ lower, upper, unit_of_measure }: Limits): string {
  if (lower !== null && upper !== null) return withUnit(`${exact(lower)}–${exact(upper)}`, unit_of_measure);
  if (upper !== null) return t('quality.at-most', { value: withUnit(exact(upper), unit_of_measure) });
  if (lower !== null) return t('quality.at-least', { value: withUnit(exact(lower), unit_of_measure) });
  return t('value.yes');
}

/** What was measured: a number with its unit, or yes or no. */
export function resultText(result: Pick<Result, 'value' | 'verdict' | 'unit_of_measure'>): string {
  if (result.value === null) return t(result.verdict === 'OK' ? 'value.yes' : 'value.no');
  return withUnit(exact(result.value), result.unit_of_measure);
}

/** Whether the value of a field is inside the limits. */
export const inside = ({ lower, upper }: Limits, value: number): boolean =>
  (lower === null || value >= lower) && (upper === null || value <= upper);
