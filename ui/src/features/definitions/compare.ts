// What a version says otherwise than the one that it is compared with, operation by operation.

import type { DefinedVersion } from '../../api/types.ts';
import { number } from '../../messages/format.ts';
import { t } from '../../messages/index.svelte.ts';

type Operation = DefinedVersion['operations'][number];
type Bill = Operation['components'];

/** One thing that is otherwise. `field`: of the operation; '': what goes in, `product`. */
export interface Changed {
  field: string;
  product: string;
  before: string;
  now: string;
}
export interface Step {
  number: number;
  name: string;
  kind: 'same' | 'changed' | 'added' | 'removed';
  rows: Changed[];
}

/** What a count of parts is called by those who send bills. */
const PIECES = ['', '{part}', 'C62', 'EA', 'H87', 'PCE', 'each'];
const amount = (line: Bill[number] | undefined) =>
  !line ? '' : PIECES.includes(line.unit) ? t('definition.parts', { n: line.quantity }) : `${number(line.quantity)} ${line.unit}`;

/** Each line of two bills that is not in both as it is. */
function bill(now: Bill, before: Bill): Changed[] {
  const names = [...new Set([...before, ...now].map((line) => line.product))].sort();
  const of = (lines: Bill, name: string) => amount(lines.find((line) => line.product === name));
  return names
    .map((product) => ({ field: '', product, before: of(before, product), now: of(now, product) }))
    .filter((row) => row.before !== row.now);
}

/** An operation that only one of both has: where, in what time, and what goes in. */
function whole(step: Operation, side: 'now' | 'before'): Changed[] {
  const put = (field: string, value: string): Changed => ({ field, product: '', before: '', now: '', [side]: value });
  const parts = side === 'now' ? bill(step.components, []) : bill([], step.components);
  return [
    put('equipment_class', step.equipment_class), put('work_units', step.work_units.join(', ')), put('standard_time_s', number(step.standard_time_s)),
    put('skills', step.skills.join(', ')), put('tools', step.tools.join(', ')), ...parts,
  ].filter((row) => row[side]);
}

/** The operations of a version in their order, then those of the one before it that are no more. */
export function steps(version: DefinedVersion, before: DefinedVersion | undefined): Step[] {
  const now = version.operations.map((step): Step => {
    const was = before?.operations.find((each) => each.name === step.name);
    if (!was) return { number: step.number, name: step.name, kind: 'added', rows: whole(step, 'now') };
    const rows = version.differences
      .filter((each) => each.operation === step.number && each.field !== 'components')
      .map((each): Changed => ({ field: each.field, product: '', before: each.before, now: each.now }));
    rows.push(...bill(step.components, was.components));
    return { number: step.number, name: step.name, kind: rows.length ? 'changed' : 'same', rows };
  });
  const gone = (before?.operations ?? []).filter((step) => !version.operations.some((each) => each.name === step.name));
  return [...now, ...gone.map((step): Step => ({ number: step.number, name: step.name, kind: 'removed', rows: whole(step, 'before') }))];
}
