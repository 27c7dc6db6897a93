// Asks the portal for something that history or the owners know, again as often as the page needs it.

import { untrack } from 'svelte';
import { ApiError } from '../api/client.ts';
import { live } from '../live/store.svelte.ts';

export class Polled<T> {
  value = $state.raw<T | null>(null);
  failed = $state('');
}

/**
 * Ask at once when what `ask` reads changes or a replay jumps; else again `every_s` of wall time after
 * each answer, so that a slow server is not asked faster than it answers.
 */
export function polled<T>(ask: (signal: AbortSignal) => Promise<T>, every_s: number): Polled<T> {
  const out = new Polled<T>();
  $effect(() => {
    void jumps();
    if (!live.everConnected) return;
    const asked = new AbortController();
    let timer = 0;
    const answered = (): void => {
      if (!asked.signal.aborted) timer = window.setTimeout(() => untrack(run), every_s * 1000);
    };
    const run = (): void => {
      ask(asked.signal).then(
        (value) => {
          if (asked.signal.aborted) return;
          out.value = value;
          out.failed = '';
          answered();
        },
        (error: unknown) => {
          if (asked.signal.aborted) return;
          if (!(error instanceof ApiError)) throw error;
          out.failed = error.message;
          answered();
        },
      );
    };
    run();
    return () => {
      asked.abort();
      clearTimeout(timer);
    };
  });
  return out;
}

/** Changes when a standing replay goes to another instant, and when the mode changes. */
function jumps(): unknown {
  return live.mode === 'live' ? 'live' : live.speed === 0 ? live.now_ms : 'plays';
}
