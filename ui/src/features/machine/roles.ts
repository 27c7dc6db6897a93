// The order in which a machine's signals are told: by role, the state first.

import type { Signal } from '../../live/store.svelte.ts';

export const FAMILIES = ['state', 'job', 'count', 'time', 'process', 'condition', 'energy', 'alarm', 'other'] as const;
export type Family = (typeof FAMILIES)[number];

const FAMILY_OF: Record<string, Family> = {
  state: 'state', mode: 'state', set_up: 'state', blocked: 'state', starved: 'state',
  job: 'job', serial: 'job', product: 'job', program: 'job',
  good_count: 'count', reject_count: 'count', cycle_time: 'time',
  process: 'process', result: 'process', tool: 'process', ambient: 'process', occupancy: 'process',
  condition: 'condition', power: 'energy', energy: 'energy', alarm_code: 'alarm', alarm_active: 'alarm',
};
const ROLE_ORDER = Object.keys(FAMILY_OF);

export function familyOf(signal: Signal): Family {
  if (signal.info.path.startsWith('alarm/')) return 'alarm';
  return FAMILY_OF[signal.info.role] ?? 'other';
}

export function byRole(signals: Signal[]): { family: Family; signals: Signal[] }[] {
  const rank = (signal: Signal) => {
    const at = ROLE_ORDER.indexOf(signal.info.role);
    return at < 0 ? 99 : at;
  };
  return FAMILIES.map((family) => ({
    family,
    signals: signals
      .filter((signal) => familyOf(signal) === family)
      .sort((a, b) => rank(a) - rank(b) || (a.info.path < b.info.path ? -1 : 1)),
  })).filter((group) => group.signals.length > 0);
}
