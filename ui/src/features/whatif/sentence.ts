// A change as a short sentence with gaps: the words stand in the messages, in the person's own sequence,
// and each gap is one field of the change. Pure.

export type Part = { text: string } | { field: string };

const MARK = '\u0001';

/** What stands in a message for a field, to be found again by `partsOf`. */
export const gap = (field: string) => `${MARK}${field}${MARK}`;

/** The parts of a message that was formatted with gaps. */
export function partsOf(message: string): Part[] {
  return message
    .split(MARK)
    .map((piece, place): Part => (place % 2 ? { field: piece } : { text: piece }))
    .filter((part) => 'field' in part || part.text !== '');
}

/** How a person writes a field, and what one of it is in the value that is sent. */
export interface Measure {
  kind: 'hours' | 'minutes' | 'percent' | 'whole' | 'number' | 'name' | 'text' | 'bool' | 'none';
  per: number;
}

const MINUTES = new Set(['move_s', 'repair_s', 'mean_s']);
const PERCENT = new Set(['times', 'time_to_times', 'repair_times', 'life_times', 'change_times', 'work_times', 'good_times', 'share', 'good', 'cv']);

export function measureOf(field: { name: string; type: string; unit: string }): Measure {
  const leaf = field.name.split('.').at(-1)!;
  if (field.type === 'name') return { kind: 'name', per: 1 };
  if (field.type === 'bool') return { kind: 'bool', per: 1 };
  if (field.type === 'text') return { kind: 'text', per: 1 };
  if (field.type === 'number' || field.type === 'integer') {
    if (field.unit === 's' || leaf.endsWith('_s')) return MINUTES.has(leaf) ? { kind: 'minutes', per: 60 } : { kind: 'hours', per: 3600 };
    if (PERCENT.has(leaf)) return { kind: 'percent', per: 0.01 };
    return { kind: field.type === 'integer' ? 'whole' : 'number', per: 1 };
  }
  return { kind: 'none', per: 1 };
}

/** A value in the person's measure, without the noise of a division: 0.07 is 7 %. */
export const shown = (value: number, measure: Measure) => Number((value / measure.per).toPrecision(9));
export const sent = (value: number, measure: Measure) => Number((value * measure.per).toPrecision(12));

/** True where a number may not be what it is, by what the field allows. */
export function isOut(value: unknown, field: { least: number | null; least_allowed: boolean; most: number | null; nullable: boolean }): boolean {
  if (value === null || value === undefined) return !field.nullable;
  if (typeof value !== 'number') return false;
  if (!Number.isFinite(value)) return true;
  if (field.least !== null && (field.least_allowed ? value < field.least : value <= field.least)) return true;
  return field.most !== null && value > field.most;
}
