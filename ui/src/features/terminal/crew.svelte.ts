// Who works at this terminal's work unit, and under whose name the next touch stands.

import * as api from '../../api/client.ts';
import type { CrewDocument } from '../../api/types.ts';
import { polled } from '../../components/polled.svelte.ts';

/** Asks the MES for something, under a person's name; returns whether it was done. */
export type Ask = (name: string, data: Record<string, unknown>, done?: string, who?: string) => Promise<boolean>;

export class Crew {
  readonly unit: string;
  chosen = $state('');
  asks = $state(0);
  private asked;

  private readonly before: () => CrewDocument | null;

  /** `before`: who was here when the server was heard last. */
  constructor(unit: string, before: () => CrewDocument | null = () => null) {
    this.unit = unit;
    this.before = before;
    this.asked = polled((signal) => (void this.asks, api.crew(unit, signal)), 2);
  }

  get heard(): CrewDocument | null {
    return this.asked.value;
  }
  get here(): CrewDocument | null {
    return this.asked.value ?? this.before();
  }
  get people() {
    return this.here?.people ?? [];
  }
  get names(): string[] {
    return this.people.map((each) => each.person);
  }
  /** Whoever was touched last, while they are here; else whoever came last. Nobody: ''. */
  get acting(): string {
    return this.names.includes(this.chosen) ? this.chosen : (this.names.at(-1) ?? '');
  }
  /** A badge begins with a prefix that no lot may have. */
  isBadge(code: string): boolean {
    return this.here !== null && code.startsWith(this.here.badge_prefix);
  }
}
