// A terminal while the server is away: what is touched is kept here first, and brought when it is back.

import { onDestroy } from 'svelte';
import * as api from '../../api/client.ts';
import type { CrewDocument, TerminalDocument } from '../../api/types.ts';
import { person } from '../../app/person.svelte.ts';
import { live } from '../../live/store.svelte.ts';
import { serverNow, type Anchor } from './clock.ts';
import * as kept from './kept.ts';
import type { Kept, Place } from './kept.ts';

/** What makes sense without the server: nothing that proves or signs, nothing that others decide meanwhile. */
const BOOKABLE = new Set([
  'job.begin', 'job.control', 'scrap.report', 'scrap.undo', 'lot.load', 'result.record', 'checklist.answer',
  'photo.attach', 'shift.note.write', 'shift.note.read',
]);
const METHODS = new Set(['Pause', 'Resume']);
const PIECE_BYTES = 400_000;
const PIECE = 100;
const KEPT_BYTES_MAX = 40_000_000;
const EVERY_MS = 2000;
const KNOWN_EVERY_MS = 10_000;

export const bookable = (name: string, data: Record<string, unknown>): boolean =>
  BOOKABLE.has(name) && (name !== 'job.control' || METHODS.has(String(data['method'])));

/** True where nobody answered: whether it was done is not known, and asking again does no harm. */
const unanswered = (error: unknown): boolean => error instanceof api.ApiError && (error.status === 0 || error.status >= 500);

export class Full extends Error {}

const COMMAND_MS = 6000;
const PIECE_MS = 30_000;

/** Wait so long for an answer: a network that is gone may not say so, and a hand is not kept waiting. */
export function patiently<T>(answer: Promise<T>, ms = COMMAND_MS): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, gone) => {
    timer = window.setTimeout(() => gone(new api.ApiError(0, 'no answer')), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

export class Away {
  readonly unit: string;
  waiting = $state.raw<Kept[]>([]);
  /** What the server said last, when it does not speak now. */
  last = $state.raw<Place | null>(null);
  /** Whether this terminal would open again without the server; '' = not known yet. */
  opens = $state<'' | 'yes' | 'no'>('');
  problem = $state('');
  /** The server's time, as it is shown while nobody says it. */
  clock_ms = $state(0);
  private anchor: Anchor | null = null;
  private written = 0;
  private reachable = false;
  private keeps = true; // false: a browser that keeps nothing, as a private window may be
  private sending = new Set<string>();
  private readonly tabs = new BroadcastChannel('taktwin-terminal');

  constructor(unit: string) {
    this.unit = unit;
    this.tabs.onmessage = () => void this.look();
    void this.begin();
    const timer = setInterval(() => {
      this.clock_ms = this.now_ms();
      void this.bring();
    }, EVERY_MS);
    onDestroy(() => {
      clearInterval(timer);
      this.tabs.close();
    });
  }

  private async begin(): Promise<void> {
    let before: Place | undefined;
    try {
      before = await kept.place(this.unit);
      await this.look();
    } catch {
      this.keeps = false;
      this.opens = 'no';
      return;
    }
    if (before && !this.anchor) {
      this.last = before;
      // Of before this page was opened, only the clock on the wall can tell how long ago it is.
      this.anchor = { ...before, mono_ms: performance.now() - Math.max(0, Date.now() - before.clock_ms) };
    }
    try {
      await navigator.serviceWorker.register('/terminal-worker.js', { scope: '/terminal/' });
      await navigator.storage.persist();
      await navigator.serviceWorker.ready;
      this.opens = 'yes';
    } catch {
      this.opens = 'no'; // without https, or in a private window
    }
  }

  /** The server has spoken: what it said, and when by both clocks. */
  heard(terminal: TerminalDocument, crew: CrewDocument | null): void {
    if (terminal === this.last?.terminal) return; // what was said before the link broke is not said again
    this.reachable = true;
    const now = { server_ms: terminal.at_ms, clock_ms: Date.now(), speed: live.mode === 'live' ? live.speed : 1 };
    this.anchor = { ...now, mono_ms: performance.now() };
    const place: Place = { terminal, crew, ...now };
    this.last = place;
    if (Date.now() - this.written < KNOWN_EVERY_MS) return;
    this.write(place);
  }

  /** The server has stopped speaking: what it said last is kept, so that a reload knows it. */
  lost(): void {
    this.reachable = false;
    this.clock_ms = this.now_ms();
    if (this.last) this.write(this.last);
  }

  private write(place: Place): void {
    this.written = Date.now();
    if (!this.keeps) return;
    const shell = live.plant && person.me ? { plant: live.plant, me: person.me } : null;
    Promise.all([kept.keepPlace(this.unit, place), shell && kept.keepShell(shell)]).catch(() => (this.opens = 'no')); // the disk is full
  }

  /** The server's time now, as far as can be known. */
  now_ms(): number {
    return this.anchor ? serverNow(this.anchor, performance.now(), Date.now()) : Date.now();
  }

  get since_ms(): number {
    return this.last?.server_ms ?? 0;
  }

  /**
   * Keep what was touched, then have it done. Returns false where it is kept and waits for the server.
   * Throws ApiError where the server refused it, Full where this browser keeps no more.
   */
  async book(name: string, data: Record<string, unknown>, who: string): Promise<boolean> {
    if (!this.keeps) {
      await api.command(name, data, '', undefined, who);
      return true;
    }
    const text = JSON.stringify(data);
    if (this.waiting.reduce((sum, one) => sum + one.bytes, text.length) > KEPT_BYTES_MAX) throw new Full();
    const booking = { id: crypto.randomUUID(), name, data, at_ms: this.now_ms(), on_behalf_of: who, account: person.me?.person ?? '', unit: this.unit, bytes: text.length };
    this.sending.add(booking.id);
    try {
      const sequence = await kept.keep(booking).catch(() => {
        throw new Full(); // the disk is full
      });
      await this.look();
      // What waits already goes first.
      if (!this.reachable || this.waiting.length > 1) return false;
      try {
        await patiently(api.command(name, data, '', booking.id, who));
      } catch (error) {
        if (unanswered(error)) return false;
        await this.done([sequence]);
        throw error;
      }
      await this.done([sequence]);
      return true;
    } finally {
      this.sending.delete(booking.id);
    }
  }

  private async look(): Promise<void> {
    this.waiting = await kept.all();
  }

  private async done(sequences: number[]): Promise<void> {
    await kept.forget(sequences);
    this.tabs.postMessage('changed');
    await this.look();
  }

  /** Bring what is kept, in pieces. One tab at a time; two would do no harm. */
  async bring(): Promise<void> {
    if (!this.reachable || !this.waiting.length) return;
    await navigator.locks.request('taktwin-terminal', { ifAvailable: true }, async (mine) => {
      if (!mine) return;
      await this.look();
      while (this.waiting.length && this.reachable && (await this.piece()));
    });
  }

  private async piece(): Promise<boolean> {
    const some: Kept[] = [];
    let bytes = 0;
    for (const one of this.waiting) {
      if (this.sending.has(one.id) || some.length === PIECE || (some.length && bytes + one.bytes > PIECE_BYTES)) break;
      some.push(one);
      bytes += one.bytes;
    }
    if (!some.length) return false;
    try {
      const became = await patiently(api.bring(await kept.name(), some[0]!.sequence, some), PIECE_MS);
      const over = new Set(became.bookings.filter((each) => each.state !== 'waiting').map((each) => each.id));
      await this.done(some.filter((one) => over.has(one.id)).map((one) => one.sequence));
      this.problem = '';
      return over.size > 0;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (!unanswered(error)) this.problem = error.message;
      return false;
    }
  }
}
