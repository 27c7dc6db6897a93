export type Change = { change: string } & Record<string, unknown>;
export interface Guess { code: string; text: string; subjects: string[]; low_says: string; high_says: string; low: number; high: number; half_width: number }
export interface Sensitivity { state: string; reason: string; scenario: string; indicator: string; unit: string; mean: number; bars: Guess[]; replications: number; is_cut: boolean; took_s: number }
export interface WhatIfReplay {
  state: string; reason: string; scenario: string; replication: number; start_ms: number; end_ms: number;
  units: { unit: string; spans: { from_ms: number; to_ms: number; time_class: string; product: string; order: string }[] }[];
  buffers: { buffer: string; from_ms: number[]; content: number[] }[]; orders: { order: string; done_ms: number }[]; took_s: number;
}
export interface LibraryScenario { name: string; changes: Change[]; asks: string; group: string; horizon_s: number }
export interface WhatIfLibrary { state: string; reason: string; scenarios: LibraryScenario[] }
export interface ChangeField {
  name: string; label: string; type: string; unit: string; names: string; required: boolean; nullable: boolean; default?: unknown;
  least: number | null; least_allowed: boolean; most: number | null; many: boolean;
}
export interface ChangeKind { change: string; group: string; label: string; text: string; fields: ChangeField[] }
export interface ChangeKinds { state: string; reason: string; kinds: ChangeKind[]; names: Record<string, { name: string; text: string }[]> }
