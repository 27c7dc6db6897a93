// The ISA-18.2 states of the journal: never a guess by the kind of the entry.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passages, SHELVED_MAX_MS, written } from '../src/features/alarms/passages.ts';

const HOUR = 3_600_000;

/** Returns what the journal says of a life of one alarm, `event@minute`, in order of time. */
function said(life: string, { whole = false, from_ms = -SHELVED_MAX_MS, alarm = 'line2:silence' } = {}): string[] {
  const entries = life.split(' ').map((word, k) => {
    const [event, minute] = word.split('@');
    return { id: `${alarm} ${k}`, alarm, event: event!, at_ms: Number(minute ?? k) * 60_000 };
  });
  const found = passages(entries.toReversed(), from_ms, whole);
  return entries.map((entry) => written(found.get(entry.id)!));
}

test('an alarm that is over before it is acknowledged is normal then, not acknowledged', () => {
  assert.deepEqual(said('raised cleared acknowledged', { whole: true }), ['NORM → UNACK', 'UNACK → RTNUN', 'RTNUN → NORM']);
});

test('an alarm that comes again before anybody acknowledged it was not normal', () => {
  assert.deepEqual(said('raised cleared raised acknowledged cleared', { whole: true }), [
    'NORM → UNACK', 'UNACK → RTNUN', 'RTNUN → UNACK', 'UNACK → ACKED', 'ACKED → NORM',
  ]);
});

test('what happened before the window is not guessed', () => {
  assert.deepEqual(said('raised cleared acknowledged'), ['→ UNACK', 'UNACK → RTNUN', 'RTNUN → NORM']);
  assert.deepEqual(said('cleared acknowledged raised cleared'), ['', '→ NORM', 'NORM → UNACK', 'UNACK → RTNUN']);
  assert.deepEqual(said('acknowledged cleared'), ['', '→ NORM']);
  assert.deepEqual(said('cleared acknowledged', { whole: true }), ['', '→ NORM'], 'it stood before anything was recorded');
});

test('an alarm that is put aside stays so, whatever happens to it', () => {
  assert.deepEqual(said('raised shelved cleared unshelved', { whole: true }), ['NORM → UNACK', 'UNACK → SHLVD', 'SHLVD', 'SHLVD → RTNUN']);
  assert.deepEqual(said('unshelved raised'), ['SHLVD →', '→ UNACK']);
});

test('an alarm may have been put aside before the window, for as long as that may last', () => {
  assert.deepEqual(said('raised@1 cleared@2', { from_ms: 0 }), ['', '']);
  assert.deepEqual(said('raised@1 cleared@1441', { from_ms: -HOUR }), ['', 'UNACK → RTNUN']);
  assert.deepEqual(said('raised@1 shelved@2 unshelved@3', { from_ms: 0 }), ['', '→ SHLVD', 'SHLVD → UNACK']);
});

test('what a late value called back says nothing of the state after', () => {
  assert.deepEqual(said('raised@1 cleared@1 raised@5', { whole: true }), ['NORM → UNACK', 'UNACK →', '→ UNACK']);
});

test('a comment changes nothing', () => {
  assert.deepEqual(said('raised commented', { whole: true }), ['NORM → UNACK', 'UNACK']);
});

test('alarms do not mix', () => {
  const entry = (id: string, alarm: string, event: string) => ({ id, alarm, event, at_ms: Number(id) });
  const found = passages([entry('2', 'b', 'raised'), entry('1', 'a', 'raised')], 0, true);
  assert.deepEqual([...found.values()], [{ before: 'NORM', after: 'UNACK' }, { before: 'NORM', after: 'UNACK' }]);
});
