// By hand until the portal's models have it.
export type Change = { change: string } & Record<string, unknown>;
export interface WhatIfScenario { name: string; changes: Change[]; asks?: string }
export interface WhatIfQuestion { scenarios: WhatIfScenario[]; horizon_s: number; replications: number; seed: number; at_ms?: number }
export interface WhatIfNote { code: string; text: string; subjects: string[] }
export interface Spread { mean: number; half_width: number; p10: number; p25: number; p50: number; p75: number; p90: number; dots: number[] }
export interface Effect { scenario: string; outcome: Spread; difference: Spread; better: number; same: number; worse: number; best: number; replications: number; out_after: number }
export interface Indicator { name: string; unit: string; more_is_better: boolean | null; base: Spread; effects: Effect[] }
export interface Outlook { late: number; done_ms: number; done_p10_ms: number; done_p90_ms: number; is_there: boolean }
export interface OrderOutlook { order: string; product: string; due_ms: number; base: Outlook; scenarios: Outlook[] }
export interface Shares { working: number; setup: number; blocked: number; starved: number; failed: number; off: number; no_crew: number; upkeep: number }
export interface UnitShares { unit: string; base: Shares; scenarios: Shares[] }
export interface PastError { indicator: string; error: number; limit: number; epochs: number; covered_80: number; covered_95: number }
export interface Validity { back_tested: boolean; calibrated: boolean; may_recommend: boolean; errors: PastError[]; notes: WhatIfNote[] }
export interface Comparison {
  state: string; reason: string; snapshot: { snapshot_id: string; state_ms: number; hash: string; unknowns: WhatIfNote[] } | null; scenario_id: string;
  model_version: string; calibration_id: string; scenarios: WhatIfScenario[]; horizon_s: number; warmup_s: number; replications: number; seed: number;
  common_random_numbers: boolean; indicators: Indicator[]; orders: OrderOutlook[]; orders_open: number; units: UnitShares[];
  bottleneck: { base: string; scenarios: string[] }; is_cut: boolean; validity: Validity | null; took_s: number;
}
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
  name: string; label: string; type: string; unit: string; names: string; is_required: boolean; is_nullable: boolean; default: unknown;
  least: number | null; is_least_allowed: boolean; most: number | null;
}
export interface ChangeKind { change: string; group: string; label: string; text: string; fields: ChangeField[] }
export interface ChangeKinds { state: string; reason: string; kinds: ChangeKind[]; names: { what: string; names: string[]; selectors: string[] }[] }
export interface WhatIfStatus { state: string; reason: string; units: string[] }
