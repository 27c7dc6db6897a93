// What the page of a signal says of a trend, and how it draws what is not stored yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthened, linesOf, type Held } from '../src/features/signal/tail.ts';
import { trendOf } from '../src/features/signal/trend.ts';

const WIDTH = 10_000;
const columns = (means: number[]) => trendOf(means.map((_, k) => 1e12 + k * WIDTH), means, WIDTH);

test('ninety seconds are no trend, nor are few columns', () => {
  assert.equal(columns([70, 60, 50, 40, 30, 20, 10, 7, 7]), null);
  assert.equal(trendOf([0, 100_000, 200_000], [1, 2, 3], 100_000), null);
  assert.equal(columns([]), null);
});

test('a trend is said over the time that has values, by its real length', () => {
  const found = columns(Array.from({ length: 30 }, (_, k) => 10 + k));
  assert.deepEqual(found, { by: 30, span_ms: 300_000 });
});

test('a single high or low end is no trend', () => {
  const flat = Array.from({ length: 30 }, (_, k) => 20 + (k % 2));
  assert.ok(Math.abs(columns([...flat, 90])!.by) < 1.5);
  assert.ok(Math.abs(columns([0, ...flat])!.by) < 1.5);
});

test('what falls is said to fall, whatever stands at its two ends', () => {
  const falls = Array.from({ length: 40 }, (_, k) => 70 - 1.5 * k);
  falls[0] = 5;
  falls[39] = 65;
  assert.ok(columns(falls)!.by < -50);
});

test('a column without a number is left out', () => {
  assert.equal(columns(Array.from({ length: 30 }, (_, k) => (k === 3 ? NaN : 4)))!.by, 0);
});

const at = (value: number, from_ms: number, to_ms = from_ms): Held => ({ value, from_ms, to_ms });

test('the newest value is not drawn over the time before it came', () => {
  // Stored up to second 19, 72 % in the seconds 20 to 23, 7 % since 24.
  const tail = lengthened([], at(7, 24_000, 25_000), 19_000, 25_000);
  assert.deepEqual(linesOf(tail, 19_000, false), [[[24_000, 7], [25_000, 7]]]);
});

test('what was heard stays drawn until it is stored', () => {
  let tail: Held[] = [];
  tail = lengthened(tail, at(7, 15_000, 19_000), 18_000, 19_000);
  tail = lengthened(tail, at(72, 20_000, 23_000), 18_000, 23_000);
  tail = lengthened(tail, at(7, 24_000, 25_000), 18_000, 25_000);
  assert.deepEqual(linesOf(tail, 18_000, false), [[[18_000, 7], [19_000, 7], [20_000, 72], [23_000, 72], [24_000, 7], [25_000, 7]]]);
  assert.deepEqual(linesOf(tail, 18_000, true), [
    [[18_000, 7], [19_000, 7], [20_000, 7], [20_000, 72], [23_000, 72], [24_000, 72], [24_000, 7], [25_000, 7]],
  ]);
  assert.deepEqual(lengthened(tail, at(7, 24_000, 26_000), 23_500, 26_000), [at(7, 24_000, 26_000)]);
});

test('a value that is vouched for again is still one value', () => {
  const tail = lengthened(lengthened([], at(5, 1000, 2000), 0, 2000), at(5, 1000, 9000), 0, 9000);
  assert.deepEqual(tail, [at(5, 1000, 9000)]);
});

test('two values far apart are not joined', () => {
  const tail = lengthened([at(5, 1000, 2000)], at(6, 9000, 9500), 0, 9500);
  assert.equal(linesOf(tail, 0, false).length, 2);
});

test('a replay that goes back has no tail from later', () => {
  assert.deepEqual(lengthened([at(5, 8000, 9000)], at(4, 1000, 2000), 0, 2000), [at(4, 1000, 2000)]);
});
