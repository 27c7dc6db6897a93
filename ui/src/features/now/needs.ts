// One list of what needs a person: alarms by cause and silent sources. Sorted by what leaving it costs
// as far as that is known today: priority first, then the longest standing.

import type { AlarmDocument } from '../../api/types.ts';
import { live } from '../../live/store.svelte.ts';

export interface Need {
  id: string;
  priority: number | null;
  title: string;
  alarms: AlarmDocument[];
  silent: boolean;
  since_ms: number;
  href: string;
  step: 'look' | 'connection' | 'machine';
}

export function needs(): Need[] {
  const out: Need[] = [];
  const covered = new Set<string>();
  for (const cause of live.causes) {
    const lead = cause.alarms[0]!;
    // A silence that is over waits for a person only: nothing is unknown any more.
    const silent = lead.kind === 'silence' && lead.active;
    if (silent) for (const alarm of cause.alarms) covered.add(alarm.cause || alarm.equipment);
    out.push({
      id: cause.id,
      priority: cause.priority,
      title: lead.message,
      alarms: cause.alarms,
      silent,
      since_ms: Math.min(...cause.alarms.map((a) => a.since_ms)),
      href: silent ? `/system?connection=${encodeURIComponent(lead.cause || lead.equipment)}` : `/alarms?alarm=${encodeURIComponent(lead.alarm)}`,
      step: silent ? 'connection' : 'look',
    });
  }
  for (const name of live.fresh.silent) {
    if (covered.has(name) || out.some((need) => need.silent && need.id.includes(name))) continue;
    const connection = live.connections.get(name);
    out.push({
      id: `silent:${name}`,
      priority: null,
      title: name,
      alarms: [],
      silent: true,
      since_ms: connection?.heard_ms || connection?.since_ms || 0,
      href: `/system?connection=${encodeURIComponent(name)}`,
      step: 'connection',
    });
  }
  return out;
}
