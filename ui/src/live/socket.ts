// One WebSocket for the page: subscribes, reconnects with back-off, asks for a new snapshot after a gap.

import { live } from './store.svelte.ts';
import type { ServerMessage } from './protocol.ts';

const TOPICS = ['units', 'signals:*', 'alarms', 'connections'];
const DEAD_AFTER_MS = 8000;
const WAITS_MS = [300, 600, 1200, 2500, 5000];

export interface Instant {
  at_ms: number;
  speed: number;
}

export class LiveLink {
  private socket: WebSocket | null = null;
  private tries = 0;
  private sequence = -1;
  private wanted: Instant | null = null;
  private lastSeek = 0;
  private pendingSeek: number | null = null;
  private drawn = -1;
  private openedAt = 0;
  private askedAt = 0;
  private steeredAt = 0;
  /** Between the wish to see the past and its first picture the server refuses to be steered. */
  private entering = false;
  private entered: Instant | null = null;
  private steps = 0;

  start(): void {
    this.open();
    setInterval(() => this.watch(performance.now()), 500);
    // A machine that slept comes back with a dead socket; ask at once instead of after its time-out.
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && !live.connected && this.socket?.readyState !== WebSocket.CONNECTING) this.open();
    });
  }

  /** Silence without a close: the socket may be dead on a cut wire, so a new one is tried. */
  private watch(at: number): void {
    live.tick(at);
    if (live.everConnected && !live.connected && this.socket && at - Math.max(live.heardAt, this.openedAt) > DEAD_AFTER_MS) {
      this.open();
    }
  }

  /** Show the plant as of an instant, played at a speed (0: standing still). */
  replay(instant: Instant): void {
    this.wanted = instant;
    this.steeredAt = performance.now();
    if (live.mode === 'replay') {
      this.seek(instant.at_ms);
      if (instant.speed !== live.speed && !this.entering) this.send({ op: 'speed', speed: instant.speed });
    } else {
      this.entered = instant;
      this.send({ op: 'mode', mode: 'replay', at_ms: Math.round(instant.at_ms), speed: instant.speed });
      this.enter('replay', instant.at_ms);
    }
    live.speed = instant.speed;
  }

  /** One event of the plant further, or one back; the server knows where it is. */
  step(direction: 1 | -1): void {
    live.unpin();
    if (this.entering) this.steps += direction;
    else this.send({ op: 'step', step: direction });
  }

  /** Seek while the playhead is dragged: at most eight a second, and always the last one. */
  drag(at_ms: number): void {
    if (this.wanted) this.wanted = { at_ms, speed: this.wanted.speed };
    const at = performance.now();
    live.pin(at_ms, at);
    const wait = this.lastSeek + 125 - at;
    if (wait <= 0) {
      this.lastSeek = at;
      this.seek(at_ms);
      return;
    }
    const waiting = this.pendingSeek !== null;
    this.pendingSeek = at_ms;
    if (!waiting) {
      setTimeout(() => {
        const last = this.pendingSeek;
        this.pendingSeek = null;
        if (last !== null) this.drag(last);
      }, wait);
    }
  }

  setSpeed(speed: number): void {
    if (this.wanted) this.wanted = { at_ms: live.now_ms, speed };
    this.steeredAt = performance.now();
    live.speed = speed;
    if (!this.entering) this.send({ op: 'speed', speed });
  }

  live(): void {
    this.wanted = null;
    if (live.mode === 'live') return;
    // After a run the server is where it was left, which is live: it only has to draw itself again.
    if (live.mode === 'ahead') this.subscribe();
    else this.send({ op: 'mode', mode: 'live' });
    this.enter('live', live.liveNow(performance.now()));
  }

  /** Leave the server's pictures for predicted ones. It goes on speaking, so that the way back is short. */
  ahead(): void {
    if (live.mode === 'replay') this.live();
    this.wanted = null;
    this.sequence = -1;
    live.foresee();
  }

  /** Nothing that comes before the new mode's own snapshot belongs to it. */
  private enter(mode: 'live' | 'replay', at_ms: number): void {
    live.mode = mode;
    live.awaited = true;
    this.sequence = -1;
    this.entering = mode === 'replay';
    this.steps = 0;
    live.pin(at_ms, performance.now());
  }

  private seek(at_ms: number): void {
    live.pin(at_ms, performance.now());
    if (!this.entering) this.send({ op: 'seek', at_ms: Math.round(at_ms) });
  }

  /** The server is in the replay now: what was wished meanwhile can be done. */
  private arrived(): void {
    if (!this.entering) return;
    this.entering = false;
    const { wanted, entered } = this;
    if (!wanted || !entered) return;
    if (wanted.at_ms !== entered.at_ms) this.send({ op: 'seek', at_ms: Math.round(wanted.at_ms) });
    if (wanted.speed !== entered.speed) this.send({ op: 'speed', speed: wanted.speed });
    for (; this.steps !== 0; this.steps -= Math.sign(this.steps)) this.send({ op: 'step', step: Math.sign(this.steps) });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private open(): void {
    this.socket?.close();
    this.openedAt = performance.now();
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.sequence = -1;
      this.subscribe();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      if (socket === this.socket) this.receive(JSON.parse(event.data) as ServerMessage);
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.socket = null;
      const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)]!;
      this.tries += 1;
      setTimeout(() => {
        if (this.socket === null) this.open();
      }, wait);
    };
  }

  private subscribe(): void {
    this.send({ op: 'subscribe', topics: TOPICS, mode: 'latest' });
    const at = this.wanted;
    if (at) {
      const now = live.mode === 'replay' && live.now_ms ? live.now_ms : at.at_ms;
      this.send({ op: 'mode', mode: 'replay', at_ms: Math.round(now), speed: at.speed });
      this.entered = { at_ms: now, speed: at.speed };
      this.wanted = this.entered;
      this.entering = true;
    }
  }

  private receive(message: ServerMessage): void {
    const at = performance.now();
    if (live.mode === 'ahead') {
      live.spoke(at); // nothing that is seen belongs to what is predicted
      return;
    }
    if (live.everConnected && !live.connected && message.type !== 'snapshot') {
      // It speaks again after a silence: what was missed is only in a new picture.
      if (at - this.askedAt > 2000) {
        this.askedAt = at;
        this.sequence = -1;
        this.subscribe();
      }
      return;
    }
    if (message.type === 'snapshot') {
      this.sequence = message.seq;
      // A snapshot of the mode that was left is of no use any more.
      if ((this.wanted !== null) !== (message.mode === 'replay')) {
        this.sequence = -1;
        live.spoke(at);
        return;
      }
      // The speed that was just asked for is newer than the one in a picture under way.
      const speed = this.wanted && at - this.steeredAt < 1500 ? this.wanted.speed : message.speed;
      live.snapshot({ ...message, speed }, at);
      if (message.mode === 'replay') this.arrived();
      this.report(message.seq);
    } else if (message.type === 'frame') {
      if (this.sequence >= 0 && message.seq > this.sequence + 1) {
        // Something was lost on the way: only a whole picture can be trusted now.
        this.sequence = -1;
        this.subscribe();
        return;
      }
      if (this.sequence < 0) {
        live.spoke(at);
        return;
      }
      this.sequence = message.seq;
      live.frame(message, at);
      this.report(message.seq);
    } else if (message.type === 'heartbeat') {
      if (this.sequence < 0) live.spoke(at);
      else live.heartbeat(message, at);
    } else if (message.type === 'twin') {
      live.twin(message);
    } else if (message.type === 'problem') {
      live.problem = { place: message.place, found: message.found, right: message.right };
      if (message.op === 'mode' && this.wanted) {
        // The server stayed where it was: so does the page.
        this.wanted = null;
        this.enter('live', live.liveNow(at));
        this.subscribe();
      }
    }
  }

  /** Tell the server when a frame was drawn, so that the last hop is measured as well. */
  private report(sequence: number): void {
    if (this.drawn >= 0) {
      this.drawn = sequence;
      return;
    }
    this.drawn = sequence;
    const arrived = performance.now();
    requestAnimationFrame(() => {
      const now = performance.now();
      this.send({ op: 'drawn', seq: this.drawn, t: now, waited_ms: now - arrived });
      this.drawn = -1;
    });
  }
}

export const link = new LiveLink();
