// What the page says of changes, shares and figures.

import type { Change, ChangeField, ChangeKind, Effect, WhatIfNote } from '../../api/types.ts';
import { live } from '../../live/store.svelte.ts';
import { dayTime, hourMinute, number, unit as unitText } from '../../messages/format.ts';
import { messages, t } from '../../messages/index.svelte.ts';
import { fieldsOf, isCompound, isSet, mixed, stepsOf, valueAt } from './compound.ts';
import { gap, measureOf, partsOf, shown, type Part } from './sentence.ts';
import { ofTwenty } from './shares.ts';

/** The page's own words; what it has none for is said in the room's. */
export const said = (key: string, otherwise: string, values?: Record<string, string | number>) => (messages.has(key) ? messages.get(key, values) : otherwise);

export const kindName = (kind: ChangeKind) => said(`whatif.kind-${kind.change}`, kind.label);
/** What a prepared scenario is called: its numbers stand in the name, and the name without them has a message. */
export function preparedName(name: string): string {
  const [a = '', b = ''] = [...name.matchAll(/\d+(\.\d+)?/g)].map((found) => number(Number(found[0])));
  const bare = name.toLowerCase().replace(/\d+(\.\d+)?/g, '#').replaceAll('+', ' plus ').replace(/-(?=#)/g, ' minus ');
  const key = bare.replace(/[^a-z#]+/g, '-').replaceAll('#', 'n').replace(/^-|-$/g, '');
  return said(`whatif.library-${key}`, name, { a, b });
}
/** What a field is called; the room's own word where the page has none. */
export const fieldName = (field: ChangeField) => said(`whatif.field-${field.name.split('.').at(-1)}`, field.label);
export const groupName = (group: string) => said(`whatif.group-${group.replaceAll(' ', '_')}`, group);
export const kpi = (name: string) => said(`whatif.kpi-${name}`, name);
export const kpiUnit = (code: string) => said(`whatif.unit-${code}`, unitText(code));
export const noteText = (note: WhatIfNote) => said(`whatif.note-${note.code}`, note.text, { subjects: note.subjects.join(', '), first: note.subjects[0] ?? '', n: note.subjects.length });

/** A name of the plant, or a word that chooses by itself such as `@bottleneck`. */
export function nameText(name: string, text?: string): string {
  if (name.startsWith('@')) return said(`whatif.pick-${name.slice(1)}`, text ?? name);
  const title = text ?? live.equipment.get(name)?.name;
  return title && title.toLowerCase() !== name.toLowerCase() ? `${name} · ${title}` : name;
}

const MIXED_SHOWN = 2; // products of a mix that stand in the sentence; the others are below it

/** The sentence of a kind of change: words, and gaps for its fields. Of a route or a mix it is as long as they are. */
export function sentenceOf(kind: ChangeKind, change: Change | null = null, products?: readonly string[]): Part[] {
  if (kind.change === 'demand_mix')
    return [{ text: t('whatif.mix') }, ...mixed(change, products).slice(0, MIXED_SHOWN).flatMap((product, place): Part[] => [{ text: `${place ? ', ' : ' '}${product.replaceAll('-', '\u2011')} ` }, { field: `shares.${product}` }])];
  if (kind.change === 'product_added')
    return [
      ...partsOf(t('whatif.route', { name: gap('product.name') })),
      ...stepsOf(change).flatMap((_, place) => partsOf(t('whatif.route-step', { n: (place + 1) * 10, center: gap(`product.steps.${place}.center`), time: gap(`product.steps.${place}.work.mean_s`) }))),
    ];
  if (isCompound(kind)) return partsOf(messages.get(`whatif.change-${kind.change}`, Object.fromEntries(fieldsOf(kind, change).map((field) => [field.name.split('.').at(-1)!, gap(field.name)]))));
  const key = `whatif.change-${kind.change}`;
  const own = Object.fromEntries(kind.fields.map((field) => [field.name, gap(field.name)]));
  if (messages.has(key)) return partsOf(messages.get(key, own));
  return [{ text: kind.label }, ...kind.fields.filter((field) => field.required).flatMap((field): Part[] => [{ text: `, ${field.label} ` }, { field: field.name }])];
}

/** A value as it is read, in the person's measure. */
export function valueText(value: unknown, field: ChangeField): string {
  if (value === null || value === undefined) return t('whatif.without');
  if (Array.isArray(value)) return value.map((each) => (typeof each === 'string' ? nameText(each) : String(each))).join(', ');
  if (typeof value === 'boolean') return t(value ? 'value.yes' : 'value.no');
  if (typeof value === 'string') return field.names ? (value.startsWith('@') ? nameText(value) : value) : value;
  if (typeof value !== 'number') return JSON.stringify(value);
  const measure = measureOf(field);
  const text = number(shown(value, measure));
  return measure.kind === 'hours' ? t('time.h', { n: text }) : measure.kind === 'minutes' ? t('time.min', { n: text }) : measure.kind === 'percent' ? `${text} %` : text;
}

/** A change as one plain sentence. */
export function changeText(change: Change, kind: ChangeKind | undefined): string {
  if (!kind) return change.change;
  const fields = new Map(fieldsOf(kind, change).map((field) => [field.name, field]));
  return sentenceOf(kind, change)
    .map((part) => ('text' in part ? part.text : valueText(valueAt(change, part.field), fields.get(part.field)!)))
    .join('');
}

/** What a scenario is called where nobody gave it a name: its first change, in two words. */
export function shortText(changes: readonly Change[], kinds: ReadonlyMap<string, ChangeKind>): string {
  const first = changes[0];
  if (!first) return t('whatif.empty');
  const kind = kinds.get(first.change);
  const named = kind && fieldsOf(kind, first).find((field) => field.names && isSet(first, field.name))?.name;
  const subject = named ? String(valueAt(first, named)) : '';
  const words = [kind ? kindName(kind) : first.change, subject.startsWith('@') ? nameText(subject) : subject].filter(Boolean).join(' · ');
  return changes.length > 1 ? `${words} +${changes.length - 1}` : words;
}

/** "better in 19 of 20", from where most runs point; of a figure that has no better side, which way it goes. */
export function betterText(effect: Effect, more_is_better: boolean | null): string {
  if (effect.same === 1) return t('whatif.same');
  if (more_is_better === null) {
    const higher = effect.difference.dots.filter((each) => each > 0).length;
    const lower = effect.difference.dots.filter((each) => each < 0).length;
    return higher >= lower ? t('whatif.higher-in', { n: higher }) : t('whatif.lower-in', { n: lower });
  }
  const better = effect.better >= effect.worse;
  return t(better ? 'whatif.better-in' : 'whatif.worse-in', { n: ofTwenty(better ? effect.better : effect.worse) });
}

/** An instant of the near future: the time of day, with the day where it is another one. */
export function soon(ms: number, from_ms: number): string {
  const text = dayTime(ms).slice(0, -3);
  return dayTime(ms).slice(0, -9) === dayTime(from_ms).slice(0, -9) ? hourMinute(ms) : text;
}
