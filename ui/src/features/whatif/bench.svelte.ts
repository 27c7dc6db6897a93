// What the planner has on the bench: scenarios beside doing nothing, what was asked of them and answered.
// It outlives the page, so that a look at the plan loses nothing; a reload keeps the question.

import { ApiError } from '../../api/client.ts';
import { refusal } from '../../components/refusal.ts';
import * as room from '../../api/whatif.ts';
import type { Change, ChangeField, ChangeKind, ChangeKinds, Comparison, Sensitivity, WhatIfScenario } from '../../api/types.ts';
import { ahead } from '../../live/ahead.svelte.ts';
import { live } from '../../live/store.svelte.ts';
import { fromLocal } from '../../messages/format.ts';
import type { Run } from '../../live/run.ts';
import { messages, t } from '../../messages/index.svelte.ts';
import { emptyOf, fieldsOf, isCompound, isSet, putAt, resized, valueAt } from './compound.ts';
import { isOut, measureOf } from './sentence.ts';
import { letter } from './shares.ts';
import { sentenceOf, shortText } from './words.ts';

export interface Draft {
  id: number;
  name: string;
  asks: string;
  changes: Change[];
}

export const SCENARIOS_MAX = 20;
export const CHANGES_MAX = 20;
const AGAIN_S = 3; // until the room is asked again, where it had no answer yet
const KEPT = 'taktwin.whatif.1'; // another shape gets another name
const HOUR_S = 3600;
// What a change begins with where the room says nothing: the usual question of its kind.
const BEGINS: Record<string, unknown> = {
  from_s: 0, to_s: 2 * HOUR_S, by_s: HOUR_S, every_s: 24 * HOUR_S, due_s: 24 * HOUR_S, count: 1, quantity: 10, size: 5, people: 1, times: 1.1,
  units: 1, release_s: 0, mean_s: 60, share: 0.1, good: 0.95, cv: 0.3, queue_max: 5, stock: 0, move_s: 600,
};
const BEGINS_OF: Record<string, Record<string, unknown>> = {
  pace_scaled: { times: 0.9 }, demand_scaled: { times: 1.2 }, setup_scaled: { times: 1.5 }, yield_scaled: { times: 0.95 }, move_scaled: { times: 2 },
  delivery_scaled: { times: 0.8 }, uptime_set: { share: 0.92 }, shift_added: { from_s: 8 * HOUR_S, to_s: 16 * HOUR_S },
  delivery_shifted: { by_s: 72 * HOUR_S },
};

const NEW: Record<string, () => string> = { variant_added: () => t('whatif.new-variant'), product_added: () => t('whatif.new-product'), center_added: () => t('whatif.new-center') };

/** True for a kind whose fields a person can fill in here. */
export const canBeAsked = (kind: ChangeKind): boolean =>
  isCompound(kind) || kind.fields.every((field) => !field.required || measureOf(field).kind !== 'none');

class Bench {
  scenarios = $state<Draft[]>([]);
  /** The scenario in hand; -1 is A, doing nothing. */
  chosen = $state(0);
  horizon_h = $state<number | null>(24);
  runs = $state<number | null>(30);
  seed = $state<number | null>(1);
  /** Where it starts from: local time of the plant as an input has it; "": now. */
  from = $state('');
  /** The machine that was pointed at. */
  unit = $state('');
  kinds = $state.raw<ChangeKinds | null>(null);
  answer = $state.raw<Comparison | null>(null);
  asking = $state(false);
  failed = $state('');
  waits = $state('');
  /** The figure whose twenty outcomes are open, and which the tornado is about. */
  opened = $state('');
  tornado = $state.raw<Sensitivity | null>(null);
  weighing = $state(false);
  fetching = $state(false);
  private askedAs = $state('');
  private asked = $state.raw<room.Asked | null>(null);
  private ids = 0;
  private going: AbortController | null = null;
  private automatic = -1; // the scenario whose only change came by pointing

  constructor() {
    this.recall();
    if (!this.scenarios.length) this.add();
  }

  readonly draft: Draft | null = $derived(this.scenarios[this.chosen] ?? null);
  readonly byKind: ReadonlyMap<string, ChangeKind> = $derived(new Map((this.kinds?.kinds ?? []).map((kind) => [kind.change, kind])));
  readonly question: room.Asked = $derived({
    scenarios: this.scenarios.map((each, place) => ({
      name: each.name ? `${letter(place)}: ${each.name}` : letter(place),
      asks: each.asks,
      changes: each.changes.map((change) => ({ ...change })),
    })),
    horizon_s: (this.horizon_h ?? 0) * HOUR_S,
    replications: this.runs ?? 0,
    seed: this.seed ?? 0,
    at_ms: this.from ? fromLocal(this.from) : 0,
  });
  /** True where the bench was changed since it was asked. */
  readonly stale: boolean = $derived(this.answer !== null && JSON.stringify(this.question) !== this.askedAs);
  /** Why nothing can be asked yet, in words. */
  readonly lacks: string = $derived.by(() => {
    const empty = this.scenarios.findIndex((each) => !each.changes.length);
    if (empty >= 0) return t('whatif.lacks-change', { letter: letter(empty) });
    const wrong = this.scenarios.findIndex((each) => each.changes.some((change) => this.wrongOf(change).length));
    if (wrong >= 0) return t('whatif.lacks-number', { letter: letter(wrong) });
    const whole = (value: number | null, low: number, high: number) => value !== null && Number.isInteger(value) && value >= low && value <= high;
    if (this.horizon_h === null || !(this.horizon_h >= 0.25 && this.horizon_h <= 336)) return t('whatif.lacks-horizon');
    if (this.from && !(fromLocal(this.from) < live.now_ms)) return t('whatif.lacks-past');
    if (!whole(this.runs, 2, 1000) || !whole(this.seed, 0, 2 ** 53)) return t('whatif.lacks-runs');
    return '';
  });

  /** Fields of a change that cannot be as they are. */
  wrongOf(change: Change): string[] {
    const kind = this.byKind.get(change.change);
    if (!kind) return [];
    const wrong = fieldsOf(kind, change, this.products).filter((field) => (isSet(change, field.name) || field.required) && isWrong(valueAt(change, field.name), field));
    return wrong.map((field) => field.name);
  }

  /** What a field may name here: things of the plant first, then words that choose by themselves. */
  namesOf(what: string): { name: string; text: string }[] {
    return [...this.newNames(what), ...(this.kinds?.names[what] ?? [])];
  }

  /** What the scenario in hand adds, and later changes of it may name. */
  private newNames(what: string): { name: string; text: string }[] {
    const paths: Record<string, [string, string][]> = { product: [['product_added', 'product.name'], ['variant_added', 'name']], center: [['center_added', 'center.name']] };
    const named = (this.draft?.changes ?? []).flatMap((change) => (paths[what] ?? []).filter(([kind]) => kind === change.change).map(([, path]) => valueAt(change, path)));
    return named.filter((each): each is string => typeof each === 'string' && each !== '').map((name) => ({ name, text: name }));
  }

  /** The products of the plant. */
  get products(): string[] {
    return (this.kinds?.names['product'] ?? []).map((each) => each.name).filter((name) => !name.startsWith('@'));
  }

  // ---- scenarios

  add(from?: WhatIfScenario): void {
    if (this.scenarios.length >= SCENARIOS_MAX) return;
    // What was not begun makes room.
    const at = this.draft && !this.draft.changes.length && from ? this.chosen : this.scenarios.length;
    const made = { id: (this.ids += 1), name: from?.name ?? '', asks: from?.asks ?? '', changes: copied(from?.changes ?? []) };
    this.scenarios.splice(at, 1, made);
    this.chosen = at;
    this.keep();
  }

  duplicate(): void {
    const draft = this.draft;
    if (!draft || this.scenarios.length >= SCENARIOS_MAX) return;
    this.scenarios.push({ id: (this.ids += 1), name: draft.name, asks: draft.asks, changes: copied(draft.changes) });
    this.chosen = this.scenarios.length - 1;
    this.keep();
  }

  remove(): void {
    if (!this.draft) return;
    this.scenarios.splice(this.chosen, 1);
    if (!this.scenarios.length) this.add();
    this.chosen = Math.min(this.chosen, this.scenarios.length - 1);
    this.automatic = -1;
    this.keep();
  }

  rename(name: string): void {
    if (this.draft) this.draft.name = name.trim().slice(0, 60);
    this.keep();
  }

  // ---- changes

  /** Point at a machine: in an empty scenario it is down, which is what is asked most. */
  point(unit: string): void {
    this.unit = unit;
    const down = this.byKind.get('unit_down');
    const draft = this.draft;
    if (!draft || !down) return;
    if (!draft.changes.length) {
      this.change(down);
      this.automatic = draft.id;
    } else if (this.automatic === draft.id && draft.changes.length === 1) draft.changes[0]!.unit = unit; // another one was meant
    this.keep();
  }

  change(kind: ChangeKind): void {
    if (!this.draft) this.chosen = 0;
    const draft = this.draft;
    if (!draft || draft.changes.length >= CHANGES_MAX) return;
    const change = emptyOf(kind);
    const told = sentenceOf(kind, change, this.products).flatMap((part) => ('field' in part ? [part.field] : []));
    for (const field of fieldsOf(kind, change, this.products)) if (field.required || told.includes(field.name)) putAt(change, field.name, this.begin(kind, field));
    draft.changes.push(change);
    this.automatic = -1;
    this.keep();
  }

  drop(place: number): void {
    this.draft?.changes.splice(place, 1);
    this.automatic = -1;
    this.keep();
  }

  set(place: number, field: string, value: unknown): void {
    const change = this.draft?.changes[place];
    if (!change) return;
    putAt(change, field, value);
    if (field === 'unit') this.unit = String(value);
    this.automatic = -1;
    this.keep();
  }

  /** A new product's route, one operation longer or shorter. */
  resize(place: number, by: 1 | -1): void {
    const draft = this.draft;
    const other = draft?.changes[place] && resized(draft.changes[place], by);
    if (draft && other) draft.changes[place] = other;
    this.keep();
  }

  private begin(kind: ChangeKind, field: ChangeField): unknown {
    if (field.default !== null && field.default !== undefined) return field.default;
    const measure = measureOf(field);
    if (measure.kind === 'name') {
      const names = this.namesOf(field.names).map((each) => each.name);
      const chosen = names.includes(this.unit) ? this.unit : names.find((each) => each === '@bottleneck' || each === '@most') ?? names[0] ?? '';
      return field.many ? [chosen] : chosen;
    }
    if (measure.kind === 'text') return NEW[kind.change]?.() ?? t('whatif.new-order');
    if (measure.kind === 'bool') return false;
    if (kind.change === 'demand_mix') return 1; // as many of each
    return BEGINS_OF[kind.change]?.[field.name] ?? BEGINS[field.name.split('.').at(-1)!] ?? field.least ?? 1;
  }

  // ---- asking

  async load(signal: AbortSignal): Promise<void> {
    const found = await room.changes(signal);
    if (found.state !== 'ready') return;
    this.kinds = found;
    if (this.unit) this.point(this.unit); // somebody was quicker
  }

  async ask(): Promise<void> {
    const question = this.question;
    const as = JSON.stringify(question);
    this.asking = true;
    this.tornado = null;
    const found = await this.until((signal) => room.compare(question, signal));
    this.asking = false;
    if (!found) return;
    this.answer = found;
    this.asked = question;
    this.askedAs = as;
    if (!found.indicators.some((each) => each.name === this.opened)) this.opened = '';
  }

  /** What the answer depends on: every guess of the model the other way, for a scenario and a figure. */
  async weigh(place: number, indicator: string): Promise<void> {
    const question = this.asked;
    if (!question) return;
    this.weighing = true;
    const found = await this.until((signal) => room.sensitivity(question, this.nameOf(place), indicator, signal));
    this.weighing = false;
    if (found && this.asked === question) this.tornado = found;
  }

  /** One run of a scenario, ready to be looked at on the plan; null where there is none. */
  async fetch(place: number, replication: number): Promise<Run | null> {
    const question = this.asked;
    const answer = this.answer;
    if (!question || !answer) return null;
    this.fetching = true;
    const found = await this.until((signal) => room.replay(question, this.nameOf(place), replication, signal));
    this.fetching = false;
    if (!found) return null;
    return {
      letter: place < 0 ? 'A' : letter(place),
      name: place < 0 ? t('whatif.nothing-changes') : question.scenarios[place]!.name.slice(3) || shortText(copied(question.scenarios[place]!.changes), this.byKind),
      replication: found.replication, replications: answer.replications, unknowns: answer.snapshot?.unknowns.length ?? 0,
      start_ms: found.start_ms, end_ms: found.end_ms, units: found.units, buffers: found.buffers, orders: found.orders,
      another: (next) => this.fetch(place, next),
    };
  }

  /** Show one run on the plan, from its beginning. */
  async see(place: number): Promise<boolean> {
    const run = await this.fetch(place, 0);
    if (run) ahead.load(run);
    return run !== null;
  }

  stop(): void {
    this.going?.abort();
    this.going = null;
  }

  private nameOf(place: number): string {
    return place < 0 ? '' : (this.asked?.scenarios[place]?.name ?? '');
  }

  /** Ask until there is an answer. One question at a time: the next one takes the place of the last. */
  private async until<T extends { state: string; reason: string }>(one: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    this.stop();
    const mine = (this.going = new AbortController());
    this.failed = this.waits = '';
    try {
      for (;;) {
        const found = await one(mine.signal);
        if (mine.signal.aborted) return null;
        if (found.state === 'ready') return found;
        const key = `whatif.state-${found.state}`;
        this.waits = messages.has(key) ? messages.get(key) : found.reason;
        await new Promise((again) => setTimeout(again, AGAIN_S * 1000));
      }
    } catch (error) {
      if (mine.signal.aborted) return null;
      if (!(error instanceof ApiError)) throw error;
      this.failed = refusal(error);
      return null;
    } finally {
      if (this.going === mine || mine.signal.aborted) this.waits = '';
    }
  }

  // ---- what a reload keeps

  private keep(): void {
    const kept = { scenarios: this.scenarios, horizon_h: this.horizon_h, runs: this.runs };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  private recall(): void {
    const kept = sessionStorage.getItem(KEPT);
    if (!kept) return;
    const { scenarios, horizon_h, runs } = JSON.parse(kept) as { scenarios: Draft[]; horizon_h: number | null; runs: number | null };
    this.scenarios = scenarios.map((each) => ({ ...each, id: (this.ids += 1) }));
    this.horizon_h = horizon_h;
    this.runs = runs;
  }
}

/** Copies of changes; one without a kind does not come out of the room. */
export const copied = (changes: readonly Record<string, unknown>[]) => JSON.parse(JSON.stringify(changes)) as Change[];

function isWrong(value: unknown, field: ChangeField): boolean {
  const kind = measureOf(field).kind;
  if (kind === 'text' || kind === 'name') {
    if (value === null || value === undefined) return !field.nullable;
    return (Array.isArray(value) ? value : [value]).some((each) => each === '');
  }
  return kind === 'none' || kind === 'bool' ? false : isOut(value, field);
}

export const bench = new Bench();
