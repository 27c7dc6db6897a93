// What time it is for the server, while nobody asks it.

export interface Anchor {
  /** The server's time when it was last heard. */
  server_ms: number;
  /** Ours then, by the clock on the wall. */
  clock_ms: number;
  /** Ours then, by the one that nobody sets; it stands while a tablet sleeps. */
  mono_ms: number;
  /** How fast the plant's time goes: 1, but in a demo. */
  speed: number;
}

/**
 * The server's time now. How wrong the clock on the wall is does not matter, nor that it is set back meanwhile;
 * one that is set forward cannot be told from a tablet that slept, and the server refuses what lies ahead of it.
 */
export function serverNow({ server_ms, clock_ms, mono_ms, speed }: Anchor, mono_now_ms: number, clock_now_ms: number): number {
  const passed = Math.max(mono_now_ms - mono_ms, clock_now_ms - clock_ms, 0);
  return Math.round(server_ms + passed * speed);
}
