// Which ISA-18.2 state an alarm left and entered with each entry of the journal. Pure.
//
// The journal says what happened, not what the state was: that follows from all that happened to the same
// alarm before, folded as the twin folds it (raised, cleared, acknowledged, shelved). Where what happened
// before is not known, the state is not known either, and nothing is said of it. A suppression by design
// leaves no entry: of an alarm that has one, this is the state without it.

export type State = 'NORM' | 'UNACK' | 'ACKED' | 'RTNUN' | 'SHLVD';

/** Null: it cannot be known from what is there. */
export interface Passage {
  before: State | null;
  after: State | null;
}

interface Entry {
  id: string;
  alarm: string;
  event: string;
  at_ms: number;
}

interface Known {
  active: boolean | null;
  acknowledged: boolean | null; // true also where there is nothing to acknowledge
  shelved: boolean | null;
  raised_ms: number | null;
}

/** No alarm may be put aside for longer: after so long without a word of it, none is. */
export const SHELVED_MAX_MS = 24 * 3_600_000;

function state({ active, acknowledged, shelved }: Known): State | null {
  if (shelved) return 'SHLVD';
  if (shelved === null || active === null || acknowledged === null) return null;
  if (active) return acknowledged ? 'ACKED' : 'UNACK';
  return acknowledged ? 'NORM' : 'RTNUN';
}

function step(known: Known, entry: Entry): Known {
  switch (entry.event) {
    case 'raised':
      return { ...known, active: true, acknowledged: false, raised_ms: entry.at_ms };
    case 'cleared':
      // Over in the instant in which it came: a late value called it back, as if it had never been.
      if (known.raised_ms === entry.at_ms) return { ...known, active: false, acknowledged: null };
      return { ...known, active: false };
    case 'acknowledged':
      return { ...known, acknowledged: true };
    case 'shelved':
      return { ...known, shelved: true };
    case 'unshelved':
      return { ...known, shelved: false };
    default:
      return known;
  }
}

/**
 * Return the passage of each entry by its id.
 *
 * `newest_first` is the portal's answer, every entry since `from_ms`. `whole`: nothing was recorded before
 * that, so an alarm that comes first of all things was normal until then.
 */
export function passages(newest_first: readonly Entry[], from_ms: number, whole: boolean): Map<string, Passage> {
  const found = new Map<string, Passage>();
  const of = new Map<string, Known>();
  for (const entry of newest_first.toReversed()) {
    let before = of.get(entry.alarm);
    if (!before) {
      const first = whole && entry.event === 'raised';
      before = { active: first ? false : null, acknowledged: first ? true : null, shelved: first ? false : null, raised_ms: null };
    }
    if (before.shelved === null && (entry.event === 'unshelved' || entry.at_ms - from_ms >= SHELVED_MAX_MS)) {
      before = { ...before, shelved: entry.event === 'unshelved' };
    }
    const after = step(before, entry);
    of.set(entry.alarm, after);
    found.set(entry.id, { before: state(before), after: state(after) });
  }
  return found;
}

/** A passage as the journal writes it: what is not known is left out. */
export function written({ before, after }: Passage): string {
  if (before === after) return after ?? '';
  return [before, after].map((name) => name ?? '').join(' → ').trim();
}
