// Words that the list, the journal and the detail share.

import type { AlarmDocument } from '../../api/types.ts';
import { live } from '../../live/store.svelte.ts';
import { number, unit, valueText } from '../../messages/format.ts';
import { t } from '../../messages/index.svelte.ts';

export function placeName(equipment: string): string {
  const found = live.equipment.get(equipment);
  if (!found) return equipment;
  const zone = live.plant?.zones.find((z) => z.id === found.zone && z.id !== found.id);
  return [zone?.name, found.parent && live.equipment.get(found.parent)?.level !== 'Area' ? found.parent : '', found.id].filter(Boolean).join(' / ');
}

/** What groups alarms: a zone, a supplier, a connection; in words. */
export function causeName(cause: string): string {
  const zone = live.plant?.zones.find((z) => z.id === cause);
  if (zone) return zone.name;
  const equipment = live.equipment.get(cause);
  if (equipment) return equipment.name && equipment.name !== cause ? `${equipment.name} (${cause})` : cause;
  if (live.plant?.connections.some((c) => c.name === cause)) return t('alarms.connection', { name: cause });
  return cause;
}

export function figure(alarm: AlarmDocument): { value: string; limit: string } {
  const signal = live.signalById.get(alarm.signal);
  const code = alarm.unit || signal?.info.unit || '';
  const reading = signal?.reading;
  const now = alarm.active && reading && !reading.old && !live.lost && live.mode === 'live' ? reading.value : alarm.value;
  if (alarm.kind === 'limit' && typeof alarm.limit === 'number') {
    const kind = signal?.info.limits.find((l) => l.id === alarm.alarm)?.kind;
    return {
      value: typeof now === 'number' ? `${number(now, signal?.info.decimals ?? undefined)} ${unit(code)}` : '–',
      limit: t(kind === 'low' ? 'value.must-be-over' : 'value.must-be-under', { limit: number(alarm.limit) }),
    };
  }
  if (alarm.kind === 'machine') {
    const named = signal && now !== null && typeof now !== 'boolean' ? valueText(now as never, signal.info) : '';
    return { value: named, limit: t('alarms.machine-says') };
  }
  return { value: '', limit: '' };
}

export function isUnacknowledged(alarm: AlarmDocument): boolean {
  return alarm.state === 'UNACK' || alarm.state === 'RTNUN';
}
