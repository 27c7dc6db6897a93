// Who works at this terminal's work unit, and under whose name the next touch stands.

import * as api from '../../api/client.ts';
import { polled } from '../../components/polled.svelte.ts';

/** Asks the MES for something, under a person's name; returns whether it was done. */
export type Ask = (name: string, data: Record<string, unknown>, done?: string, who?: string) => Promise<boolean>;

export class Crew {
  readonly unit: string;
  chosen = $state('');
  asks = $state(0);
  private asked;

  constructor(unit: string) {
    this.unit = unit;
    this.asked = polled((signal) => (void this.asks, api.crew(unit, signal)), 2);
  }

  get here() {
    return this.asked.value;
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
