// Which of the drawings a work unit gets, and the sentence that goes with it.

import type { EquipmentInfo, UnitDocument } from '../api/types.ts';
import { playback } from '../app/playback.svelte.ts';
import { live } from '../live/store.svelte.ts';
import { duration, instant } from '../messages/format.ts';
import { t, word } from '../messages/index.svelte.ts';

export type Kind = 'run' | 'set_up' | 'blocked' | 'starved' | 'stopped' | 'idle' | 'off' | 'unknown' | 'never';

const NEVER_HEARD = 'never heard'; // the twin's own reason for a unit of which it has nothing at all
const KINDS: Record<string, Kind> = {
  production: 'run',
  set_up: 'set_up',
  blocked: 'blocked',
  starved: 'starved',
  delay_own: 'stopped',
  down_no_order: 'idle',
  planned_down: 'off',
  unknown: 'unknown',
};

export function kindOf(document: UnitDocument | null): Kind {
  if (live.lost) return 'unknown';
  if (!document) return 'never';
  const kind = KINDS[document.time_class] ?? 'unknown';
  return kind === 'unknown' && !silentSince(document) ? 'never' : kind;
}

/** Since when nobody vouched for a unit whose state is unknown; 0 where nobody ever did. */
function silentSince(document: UnitDocument): number {
  return document.confirmed_ms || document.since_ms;
}

/** Seconds since somebody vouched for the unit; 0 where nobody ever did. */
export function silence_s(document: UnitDocument | null): number {
  if (!document) return 0;
  return live.seconds(document.time_class === 'unknown' ? silentSince(document) : document.confirmed_ms);
}

/** Rate against the standard, 1 is the standard; null where either is not known. */
export function rateOf(info: EquipmentInfo, document: UnitDocument | null): number | null {
  if (typeof document?.cycle_time_s !== 'number' || !info.standard_cycle_s) return null;
  if (document.time_class !== 'production' || document.cycle_time_s <= 0) return null;
  return Math.min(1.06, info.standard_cycle_s / document.cycle_time_s);
}

/** State, since when, and why, as one sentence. */
export function sentence(document: UnitDocument | null): string {
  const now = live.now_ms;
  if (playback.before_start) return t('machine.nothing-recorded');
  if (!document) return t('machine.never-heard');
  if (live.lost) return t('machine.link-lost', { age: duration(live.seconds(live.lostAt_ms)) });
  if (document.time_class === 'unknown') {
    if (!silentSince(document)) return document.reason === NEVER_HEARD ? t('machine.never-heard') : t('machine.unknown-always', { reason: sentenceEnd(document.reason) });
    return t('machine.unknown-for', {
      age: duration(silence_s(document)),
      reason: document.reason ? sentenceEnd(document.reason) : 'none',
      since: instant(silentSince(document), now),
    });
  }
  const reason = document.time_class === 'delay_own' ? document.reason || t('machine.no-reason') : document.reason;
  return t('machine.is-since', {
    class: capital(word('class', document.time_class)),
    since: document.since_ms ? instant(document.since_ms, now) : '–',
    age: duration(live.seconds(document.since_ms), 'exact'),
    reason: reason ? sentenceEnd(reason) : 'none',
  });
}

function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

function sentenceEnd(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
