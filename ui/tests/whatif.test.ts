import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyOf, fieldsOf, isSet, putAt, resized, valueAt } from '../src/features/whatif/compound.ts';
import { gap, isOut, measureOf, partsOf, sent, shown } from '../src/features/whatif/sentence.ts';
import { decimalsOf, letter, ofTwenty, piled, rangeOf, tickDecimals } from '../src/features/whatif/shares.ts';
import { placeAt } from '../src/live/run.ts';

const field = (name: string, type: string, unit = '') => ({ name, type, unit });
const spread = (low: number, high: number) => ({ mean: (low + high) / 2, half_width: 0, p10: low, p25: low, p50: low, p75: high, p90: high, dots: [low, high] });

test('a sentence keeps its words and its gaps in the sequence of the language', () => {
  assert.deepEqual(partsOf(`${gap('unit')} stands from ${gap('from_s')} on`), [{ field: 'unit' }, { text: ' stands from ' }, { field: 'from_s' }, { text: ' on' }]);
  assert.deepEqual(partsOf('nothing to fill in'), [{ text: 'nothing to fill in' }]);
});
test('a person writes hours and percent, the room gets seconds and shares', () => {
  const hours = measureOf(field('to_s', 'number', 's'));
  assert.equal(hours.kind, 'hours');
  assert.equal(sent(2, hours), 7200);
  assert.equal(shown(5400, hours), 1.5);
  const percent = measureOf(field('times', 'number'));
  assert.equal(sent(7, percent), 0.07);
  assert.equal(shown(0.07, percent), 7);
  assert.equal(measureOf(field('move_s', 'number', 's')).kind, 'minutes');
  assert.equal(measureOf(field('count', 'integer')).kind, 'whole');
  assert.equal(measureOf(field('skills', 'name')).kind, 'name');
  assert.equal(measureOf(field('order', 'object')).kind, 'none');
});
test('a number is out of its bounds, and one that is wanted and not there is too', () => {
  const bounds = { least: 0, least_allowed: false, most: 1, nullable: false };
  assert.deepEqual([0, 0.5, 1, 1.01, NaN, null].map((value) => isOut(value, bounds)), [true, false, false, true, true, true]);
  assert.equal(isOut(0, { ...bounds, least_allowed: true }), false);
  assert.equal(isOut(null, { ...bounds, nullable: true }), false);
});
test('of twenty: what happened in one run of many is neither never nor always', () => {
  assert.deepEqual([0, 0.001, 0.5, 0.95, 0.999, 1].map(ofTwenty), [0, 1, 10, 19, 19, 20]);
  assert.deepEqual([0, 1, 2].map(letter), ['B', 'C', 'D']);
});
test('an axis shows as many decimals as the outcomes differ by', () => {
  assert.deepEqual(rangeOf([spread(3, 5), spread(4, 9)], false), { low: 3, high: 9 });
  assert.deepEqual([decimalsOf([spread(0, 400)]), decimalsOf([spread(3, 9)]), decimalsOf([spread(3.1, 3.4)]), decimalsOf([spread(7, 7)])], [0, 1, 2, 0]);
});
test('ticks of an axis are told apart', () => {
  assert.deepEqual([[0, 50], [0, 0.5], [0.485, 0.49], [0.48, 0.5], [7]].map(tickDecimals), [0, 1, 3, 2, 0]);
});
test('dots at one place are piled up', () => {
  assert.deepEqual(piled([1, 1, 9], (value) => value, 8), [{ x: 0, pile: 0 }, { x: 0, pile: 1 }, { x: 8, pile: 0 }]);
});
test('an instant is in the span that began last', () => {
  assert.deepEqual([0, 10, 19, 20, 99].map((at) => placeAt([10, 20], at)), [-1, 0, 0, 1, 1]);
  assert.equal(placeAt([], 5), -1);
});

test('a thing of its own is written part by part, and its route grows and shrinks', () => {
  const kind = (change: string) => ({ change, group: 'orders', label: '', text: '', fields: [] });
  const order = emptyOf(kind('order_added'));
  putAt(order, 'order.quantity', 5);
  assert.deepEqual(order, { change: 'order_added', order: { quantity: 5 } });
  assert.ok(isSet(order, 'order.quantity') && !isSet(order, 'order.due_s'));
  const product = emptyOf(kind('product_added'));
  putAt(product, 'product.steps.0.center', 'hob1');
  const longer = resized(product, 1)!;
  assert.deepEqual([valueAt(longer, 'product.steps.1.center'), valueAt(longer, 'product.steps.1.name'), valueAt(product, 'product.steps.1')], ['hob1', '20', undefined]);
  assert.equal(fieldsOf(kind('product_added'), longer).length, 5);
  assert.deepEqual([resized(longer, -1)!.product, resized(product, -1)], [product.product, null]);
  const mix = emptyOf(kind('demand_mix'));
  putAt(mix, 'shares.EA.1', 2);
  assert.deepEqual(mix, { change: 'demand_mix', shares: { 'EA.1': 2 } });
  putAt(mix, 'shares.EA.1', null);
  assert.deepEqual(mix, { change: 'demand_mix', shares: {} });
});
