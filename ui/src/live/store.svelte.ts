// The one store of living values. One object per signal holds one reactive value; components read
// it directly. Live and replay write the same objects: a page knows only the mode.

import type { AlarmDocument, EquipmentInfo, Plant, SignalInfo, UnitDocument } from '../api/types.ts';
import type {
  BufferState, ConnectionState, Frame, Freshness, Heartbeat, Mode, Snapshot, TwinState, Value,
} from './protocol.ts';

export interface Reading {
  value: Value;
  quality: number; // 0 Good, 1 GoodNoData, 2 Uncertain, 3 Bad
  source_ms: number;
  confirmed_ms: number;
  old: boolean;
}

/** Figures change at most twice a second; states and words at once. */
const FIGURE_INTERVAL_MS = 500;
const SILENT_AFTER_MS = 3200; // three missed heartbeats
const SLEPT_MS = 1500; // ticks come twice a second: one that is so late says that the page itself stood still
const PINNED_LIVE_MS = 1500;
const PINNED_REPLAY_MS = 15_000; // as long as the portal waits for the recorder

export class Signal {
  readonly info: SignalInfo;
  reading = $state.raw<Reading | null>(null);
  /** The newest reading, also when the shown one waits for its turn. */
  latest: Reading | null = null;
  private shownAt = 0;
  private readonly figure: boolean;

  constructor(info: SignalInfo) {
    this.info = info;
    this.figure = /^(float|u?int)/.test(info.type) && !FAST_ROLES.has(info.role);
  }

  take(reading: Reading, at: number, late: Set<Signal>): void {
    this.latest = reading;
    const shown = this.reading;
    if (this.figure && shown && shown.old === reading.old && at - this.shownAt < FIGURE_INTERVAL_MS) {
      late.add(this);
      return;
    }
    this.shownAt = at;
    this.reading = reading;
    late.delete(this);
  }

  show(at: number): void {
    this.shownAt = at;
    this.reading = this.latest;
  }

  clear(): void {
    this.latest = null;
    this.reading = null;
  }
}
const FAST_ROLES = new Set(['state', 'mode', 'alarm_code', 'alarm_active', 'blocked', 'starved', 'set_up']);

export class Unit {
  readonly info: EquipmentInfo;
  document = $state.raw<UnitDocument | null>(null);
  constructor(info: EquipmentInfo) {
    this.info = info;
  }
}

/** An alarm group as the top bar counts it: a cause with the highest priority of its members. */
export interface Cause {
  id: string;
  priority: number;
  alarms: AlarmDocument[];
}

const NOT_ANNOUNCED = new Set(['SHLVD', 'DSUPR', 'OOSRV']);

export class LiveStore {
  plant = $state.raw<Plant | null>(null);
  mode = $state<Mode>('live');
  speed = $state(1);
  connected = $state(false);
  /** False until the first whole picture: until then nothing is empty, everything is still loading. */
  everConnected = $state(false);
  /** True from the wish to see another instant until its picture is there: what is shown is not yet it. */
  awaited = $state(false);
  /** Plant time of the last thing heard, while the link is down. */
  lostAt_ms = $state<number | null>(null);
  /** Since when the twin itself is silent, though the portal speaks. */
  twinSilentSince_ms = $state<number | null>(null);
  /** The last thing that the server could not do, in words. */
  problem = $state.raw<{ place: string; found: string; right: string } | null>(null);
  /** Plant time that the page shows, advanced twice a second. */
  now_ms = $state(0);
  fresh = $state.raw<Freshness>({ stale: 0, never: 0, signals: 0, oldest_ms: 0, silent: [] });
  alarms = $state.raw<ReadonlyMap<string, AlarmDocument>>(new Map());
  connections = $state.raw<ReadonlyMap<string, ConnectionState>>(new Map());
  buffers = $state.raw<ReadonlyMap<string, BufferState>>(new Map());

  signals: Signal[] = [];
  signalById = new Map<string, Signal>();
  units = new Map<string, Unit>();
  equipment = new Map<string, EquipmentInfo>();

  private byEquipment = new Map<string, Signal[]>();
  private base = { t: 0, at: 0 };
  private ticked = 0;
  private liveBase = { t: 0, at: 0 };
  private plantSpeed = 1;
  heardAt = 0;
  private pinned: { t: number; at: number; until: number } | null = null;
  private late = new Set<Signal>();

  /** True where nothing on the page can be trusted to be of now. */
  readonly lost = $derived(this.mode !== 'ahead' && this.everConnected && (!this.connected || this.twinSilentSince_ms !== null));

  /** The newest instant that anything on the page is of: now, or where the link broke. Axes end here. */
  readonly edge_ms: number = $derived(this.lost && this.lostAt_ms !== null ? Math.min(this.lostAt_ms, this.now_ms) : this.now_ms);

  /** Signals that are vouched for now: what is too old, or was never received, is not. */
  readonly freshCount = $derived(this.lost ? 0 : Math.max(0, this.fresh.signals - this.fresh.stale - this.fresh.never));

  readonly causes: Cause[] = $derived.by(() => {
    const groups = new Map<string, Cause>();
    for (const alarm of this.alarms.values()) {
      if (!isAnnounced(alarm)) continue;
      const id = alarm.cause || alarm.alarm;
      const group = groups.get(id);
      if (group) {
        group.alarms.push(alarm);
        group.priority = Math.min(group.priority, alarm.priority);
      } else {
        groups.set(id, { id, priority: alarm.priority, alarms: [alarm] });
      }
    }
    const all = [...groups.values()];
    for (const cause of all) cause.alarms.sort(byUrgency);
    return all.sort((a, b) => a.priority - b.priority || first(a) - first(b) || (a.id < b.id ? -1 : 1));
  });

  /** Standing alarms by equipment, the most urgent first. */
  readonly alarmsOf: ReadonlyMap<string, AlarmDocument[]> = $derived.by(() => {
    const by = new Map<string, AlarmDocument[]>();
    for (const alarm of this.alarms.values()) {
      if (!isAnnounced(alarm)) continue;
      const list = by.get(alarm.equipment);
      if (list) list.push(alarm);
      else by.set(alarm.equipment, [alarm]);
    }
    for (const list of by.values()) list.sort(byUrgency);
    return by;
  });

  signalsOf(equipment: string): Signal[] {
    return this.byEquipment.get(equipment) ?? [];
  }

  load(plant: Plant): void {
    this.plant = plant;
    this.equipment = new Map(plant.equipment.map((e) => [e.id, e]));
    this.signals = [];
    this.signalById = new Map();
    this.byEquipment = new Map();
    for (const info of plant.signals) {
      const signal = new Signal(info);
      this.signals[info.index] = signal;
      this.signalById.set(info.id, signal);
      const own = this.byEquipment.get(info.equipment);
      if (own) own.push(signal);
      else this.byEquipment.set(info.equipment, [signal]);
    }
    this.units = new Map(plant.equipment.filter((e) => e.level === 'WorkUnit').map((e) => [e.id, new Unit(e)]));
  }

  snapshot(message: Snapshot, at: number): void {
    this.connected = true;
    this.everConnected = true;
    this.awaited = false;
    this.lostAt_ms = this.twinSilentSince_ms;
    this.mode = message.mode;
    this.speed = message.speed;
    this.heard(message.t, at, true);
    if (message.mode === 'live') {
      this.plantSpeed = message.speed;
      this.liveBase = { t: message.t, at };
    }
    const named = new Set<number>();
    message.i.forEach((index, k) => {
      named.add(index);
      const signal = this.signals[index];
      if (!signal) return;
      if (message.st[k] === null || message.st[k] === undefined) {
        signal.clear(); // never received
        return;
      }
      signal.latest = {
        value: message.v[k] ?? null,
        quality: message.q[k] ?? 0,
        source_ms: message.st[k] ?? 0,
        confirmed_ms: message.cf[k] ?? message.st[k] ?? 0,
        old: message.old[k] ?? false,
      };
      signal.show(at);
    });
    this.late.clear();
    for (const signal of this.signals) if (signal && !named.has(signal.info.index)) signal.clear();
    const units = new Map((message.units ?? []).map((u) => [u.unit, u]));
    for (const [id, unit] of this.units) unit.document = units.get(id) ?? null;
    this.alarms = new Map((message.alarms ?? []).map((a) => [a.alarm, a]));
    this.buffers = new Map((message.buffers ?? []).map((b) => [b.buffer, b]));
    this.connections = new Map((message.connections ?? []).map((c) => [c.connector, c]));
    if (message.fresh) this.fresh = message.fresh;
  }

  frame(message: Frame, at: number): void {
    this.heard(message.t, at);
    if (this.mode === 'live') this.liveBase = { t: message.t, at };
    const indices = message.i ?? [];
    for (let k = 0; k < indices.length; k += 1) {
      const signal = this.signals[indices[k]!];
      if (!signal) continue;
      const age = message.dt?.[k];
      if (age === null || age === undefined) {
        signal.clear();
        continue;
      }
      const reading: Reading = {
        value: message.v?.[k] ?? null,
        quality: message.q?.[k] ?? 0,
        source_ms: message.t - age,
        confirmed_ms: message.t - (message.cd?.[k] ?? age),
        old: message.old?.[k] ?? false,
      };
      signal.take(reading, at, this.late);
    }
    for (const unit of message.units ?? []) {
      const known = this.units.get(unit.unit);
      if (known) known.document = unit;
    }
    if (message.alarms?.length) {
      const next = merged(this.alarms, message.alarms, (a) => a.alarm);
      for (const alarm of message.alarms) if (alarm.state === 'NORM') next.delete(alarm.alarm);
      this.alarms = next;
    }
    if (message.buffers?.length) this.buffers = merged(this.buffers, message.buffers, (b) => b.buffer);
    if (message.connections?.length) {
      this.connections = merged(this.connections, message.connections, (c) => c.connector);
    }
    if (message.fresh) this.fresh = message.fresh;
  }

  /** A predicted picture instead of a seen one: a run knows machines and buffers, and nothing else. */
  foresee(): void {
    this.mode = 'ahead';
    this.awaited = false;
    this.pinned = null;
    this.late.clear();
    for (const signal of this.signals) signal?.clear();
    for (const unit of this.units.values()) unit.document = null;
    this.alarms = new Map();
    this.buffers = new Map();
  }

  heartbeat(message: Heartbeat, at: number): void {
    this.heard(message.t, at);
    if (this.mode === 'live') this.liveBase = { t: message.t, at };
  }

  twin(message: TwinState): void {
    this.twinSilentSince_ms = message.state === 'silent' ? message.since : null;
    if (message.state === 'silent') this.lostAt_ms = message.since;
  }

  /** The time bar asks the server for its now; in replay that is the only source of it. */
  serverNow(now_ms: number, at: number): void {
    if (this.mode === 'live' && this.connected) return;
    if (this.liveBase.t > 0 && at > this.liveBase.at + 2000) {
      const speed = (now_ms - this.liveBase.t) / (at - this.liveBase.at);
      if (speed > 0) this.plantSpeed = speed;
    }
    this.liveBase = { t: now_ms, at };
  }

  /** Plant time of the living plant, also while the page shows another instant. */
  liveNow(at: number): number {
    if (this.liveBase.t === 0) return this.now_ms;
    // Without a link nobody says what the plant's now is: it stays where it was heard last.
    const until = this.connected ? at : Math.min(at, this.heardAt);
    return this.liveBase.t + Math.max(0, until - this.liveBase.at) * this.plantSpeed;
  }

  /** Called twice a second: the clock, late figures, and whether the server still speaks. */
  tick(at: number): void {
    // A page that stood still has not read what was sent meanwhile: only the next tick can tell.
    const slept = at - this.ticked > SLEPT_MS;
    this.ticked = at;
    if (this.connected && !slept && at - this.heardAt > SILENT_AFTER_MS) {
      this.connected = false;
      this.lostAt_ms = this.base.t;
    }
    for (const signal of this.late) signal.show(at);
    this.late.clear();
    if (!this.base.t || this.mode === 'ahead') return; // ahead has its own clock
    const passed = Math.max(0, at - this.base.at);
    // A server that speaks is believed; only its silence lets our own clock run on.
    this.now_ms = this.base.t + (this.connected ? Math.min(passed, 1500) : passed) * this.speed;
  }

  /** The server speaks, but what it says belongs to the mode that was left. */
  spoke(at: number): void {
    this.heardAt = at;
  }

  /**
   * An instant that was asked for: until the server is there, its older messages do not move the clock.
   * A recorder under load may take seconds to read the past; what is pressed meanwhile counts from here.
   */
  pin(t: number, at: number): void {
    this.pinned = { t, at, until: at + (this.mode === 'replay' ? PINNED_REPLAY_MS : PINNED_LIVE_MS) };
    this.base = { t, at };
    this.now_ms = t;
  }

  seconds(ms: number | null | undefined): number {
    return ms ? Math.max(0, (this.now_ms - ms) / 1000) : 0;
  }

  unpin(): void {
    this.pinned = null;
  }

  private heard(t: number, at: number, whole = false): void {
    this.heardAt = at;
    if (this.pinned) {
      // Only a whole picture answers the wish, and it may have played on while it was on its way.
      const passed = t - this.pinned.t;
      const there = whole && passed > -1500 && passed < 1500 + (1500 + at - this.pinned.at) * this.speed;
      if (!there && at < this.pinned.until) return;
      this.pinned = null;
    }
    this.base = { t, at };
    // Only a snapshot ends the lost state; until then a frame has no ground to stand on.
    if (this.connected) this.now_ms = t;
  }
}

function merged<T>(old: ReadonlyMap<string, T>, changed: T[], key: (item: T) => string): Map<string, T> {
  const next = new Map(old);
  for (const item of changed) next.set(key(item), item);
  return next;
}

/** True for what stands in the active list: standing, or over but nobody has acknowledged it. */
export function isAnnounced(alarm: AlarmDocument): boolean {
  return alarm.state !== 'NORM' && !NOT_ANNOUNCED.has(alarm.state);
}

export function isPutAside(alarm: AlarmDocument): boolean {
  return NOT_ANNOUNCED.has(alarm.state);
}

function byUrgency(a: AlarmDocument, b: AlarmDocument): number {
  return a.priority - b.priority || Number(b.active) - Number(a.active) || a.since_ms - b.since_ms;
}

function first(cause: Cause): number {
  return Math.min(...cause.alarms.map((a) => a.first_seen_ms || a.since_ms));
}

export const live = new LiveStore();
