// What the page says of advice: the sentences of analyst and ledger in the reader's language, and figures.

import type { AdviceClassRecord, AdviceCost, AdviceEffect, AdviceRange, AdviceRow, AdviceWords, Recommendation } from '../../api/types.ts';
import { decimalsFor, duration, instantMinute, number } from '../../messages/format.ts';
import { messages, t, word } from '../../messages/index.svelte.ts';
import { ofTwenty } from '../whatif/shares.ts';

/**
 * A sentence in the page's own words, else as it was said: the ledger keeps sentences for years, and one of then
 * may lack what today's text of its code names. A figure called `value` has the digits that can be known; as a
 * number that a plural counts it is `count`. An event of the MES has the name that it has in *How it went*. What the
 * page knows beside it is `known`; without that no sentence counts minutes.
 */
export function words(said: AdviceWords, known: Record<string, string | number> = {}): string {
  const key = `advice.says-${said.code}`;
  if (!messages.has(key)) return said.text;
  const value = said.values['value'];
  const figures = typeof value === 'number' ? { value: number(value, decimalsFor(value)), count: value } : {};
  const event = said.values['event'];
  const named = typeof event === 'string' ? { event: word('advice-event', event) } : {};
  try {
    return messages.get(key, { counts: 'no', ...said.values, ...figures, ...named, ...known });
  } catch (error) {
    console.warn(key, error);
    return said.text;
  }
}

/**
 * A sentence of a proof. Its minutes count from that, and an hour later they would say what is wrong: they count down,
 * and beside them stand times of the day. One that only the ledger has words for says of when it is.
 */
export function timed(said: AdviceWords, from_ms: number, now_ms: number): string {
  const known: Record<string, string | number> = {};
  const gone = (now_ms - from_ms) / 60_000;
  const left = (name: string) => Math.round(Number(said.values[name]) - gone); // NaN where it is not said
  for (const [name, at] of [['minutes', 'at'], ['minutes_low', 'at_low'], ['minutes_high', 'at_high']] as const) {
    const value = said.values[name];
    if (typeof value !== 'number') continue;
    known[at] = instantMinute(from_ms + value * 60_000, now_ms);
    known[name] = Math.max(left(name), 0);
  }
  if (left('in_min') > 0) known['in_min'] = left('in_min');
  known['past'] = left('minutes') <= 0 ? 'yes' : 'no';
  known['counts'] = left('minutes') > 0 && !(left('in_min') < 0) ? 'yes' : 'no';
  const text = words(said, known);
  return text === said.text ? `${text} ${t('advice.as-of', { at: instantMinute(from_ms, now_ms) })}` : text;
}

/** When what is asked for is due, and how long that is to come or is past; '' where the action has no such instant. */
export function due(action: Recommendation['proposal']['action'], now_ms: number): string {
  const at_ms = action.data['due_ms'];
  if (typeof at_ms !== 'number' || !at_ms) return '';
  const time = duration(Math.abs(at_ms - now_ms) / 1000);
  return t(at_ms > now_ms ? 'advice.due' : 'advice.was-due', { at: instantMinute(at_ms, now_ms), time });
}

/** Why a class may not climb: one that only observes is judged by what it foretold, any other by what it came to. */
export const obstacle = (why: AdviceWords, record: AdviceClassRecord) => words(why, { level: record.level });

export const indicator = (name: string) => word('advice-indicator', name);
const unitText = (unit: string) => (unit === '1' ? '' : word('advice-unit', unit)); // pieces are counted

/** As many decimals as a figure of this size is known to. */
const decimals = (range: AdviceRange) => (Math.max(Math.abs(range.p10), Math.abs(range.p90)) >= 20 ? 0 : 1);

/** A figure with its interval: 24 [14–33] parts. */
export function rangeText(range: AdviceRange, unit = ''): string {
  const n = decimals(range);
  const known = (value: number) => Number(value.toFixed(n)) || 0; // nothing has no sign
  const dash = known(range.p90) < 0 ? ' – ' : '–'; // a minus behind it
  const text = `${number(known(range.mean), n)} [${number(known(range.p10), n)}${dash}${number(known(range.p90), n)}]`;
  return `${text} ${unitText(unit)}`.trim();
}

/** A difference as what is won: more of what is better. */
export const won = (range: AdviceRange, more_is_better: boolean): AdviceRange =>
  more_is_better ? range : { mean: -range.mean, p10: -range.p90, p90: -range.p10 };

/** What is won: the difference with the sign that says better, and in which direction. */
export function gain(effect: AdviceEffect): { range: AdviceRange; text: string } {
  const { mean, p10, p90 } = effect.difference;
  const range = won({ mean, p10, p90 }, effect.more_is_better);
  const figure = rangeText(range, effect.unit);
  return { range, text: t(effect.more_is_better ? 'advice.more' : 'advice.less', { figure, indicator: indicator(effect.indicator) }) };
}

/** What was promised and what was measured, both as what is won: 12 → 11. */
export function promisedMeasured(row: AdviceRow): { promised: string; measured: string } {
  const figure = (range: AdviceRange | null) => (range ? number(won(range, row.effect.more_is_better).mean, decimals(range)) : '');
  return { promised: figure(row.promised), measured: figure(row.measured) };
}

/** "better in 19 of 20 likely outcomes". */
export const better = (effect: AdviceEffect) => t('advice.better', { n: ofTwenty(effect.better) });

/** A figure beside the one that decides: what is won of it and how often, or that it is the same either way. */
export const beside = (effect: AdviceEffect) =>
  ofTwenty(effect.same) === 20
    ? t('advice.same', { indicator: indicator(effect.indicator) })
    : t('advice.beside', { gain: gain(effect).text, better: better(effect) });

/** Whether what is seen of it is better, and may be so by chance only. */
export const mayBeChance = (significant: boolean, effect: AdviceEffect) => !significant && gain(effect).range.mean > 0;

/** What something costs, in the first measure that anybody knows. */
export function costText(cost: AdviceCost): string {
  if (cost.money) return rangeText(cost.money, cost.currency);
  if (cost.units) return rangeText(cost.units, 'parts');
  if (cost.minutes) return rangeText(cost.minutes, 'min');
  return t('advice.unknown-cost');
}

/** How long a decision may wait. */
export function left(expires_ms: number, now_ms: number): string {
  const seconds = (expires_ms - now_ms) / 1000;
  return seconds > 0 ? t('advice.left', { time: duration(seconds) }) : t('advice.over');
}

/** What became of a recommendation, as a mark and in words: never by colour alone. */
export function outcome(row: AdviceRow): { mark: string; text: string } {
  if (row.state === 'Measured') return { mark: row.result === 'Effective' ? '✓' : row.result === 'Neutral' ? '=' : '↓', text: word('advice-result', row.result) };
  if (row.state === 'Acknowledged' && row.abandoned_ms) return { mark: '?', text: t('advice.unmeasured') };
  const marks: Record<string, string> = { Rejected: '×', Failed: '!', Expired: '–', Superseded: '–' };
  return { mark: marks[row.state] ?? '…', text: word('advice-state', row.state) };
}
