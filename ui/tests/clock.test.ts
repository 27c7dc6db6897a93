import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverNow, type Anchor } from '../src/features/terminal/clock.ts';

const MINUTE = 60_000;
const server_ms = Date.UTC(2027, 9, 31, 0, 30); // half an hour before an hour comes twice in Europe
// The tablet's clock is ten minutes behind the server's.
const anchor: Anchor = { server_ms, clock_ms: server_ms - 10 * MINUTE, mono_ms: 5000, speed: 1 };
const after = (mono_min: number, clock_min = mono_min) =>
  (serverNow(anchor, anchor.mono_ms + mono_min * MINUTE, anchor.clock_ms + clock_min * MINUTE) - server_ms) / MINUTE;

test('a clock that is ten minutes wrong is put right by what was measured', () => {
  assert.equal(after(90), 90);
});
test('a clock that is set back by an hour changes nothing', () => {
  assert.equal(after(90, 30), 90);
  assert.equal(after(1, -59), 1);
});
test('a tablet that slept an hour goes by its clock', () => {
  assert.equal(after(30, 90), 90);
});
test('time never goes back behind what the server said, and goes as fast as the plant', () => {
  assert.equal(after(-5, -5), 0);
  assert.equal(serverNow({ ...anchor, speed: 10 }, anchor.mono_ms + 1000, anchor.clock_ms + 1000), server_ms + 10_000);
});
