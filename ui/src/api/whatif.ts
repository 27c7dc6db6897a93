// The door to the what-if room; a file of its own, because it is no part of the first load.

import { get, post } from './client.ts';
import type { ChangeKinds, Comparison, Sensitivity, WhatIfLibrary, WhatIfQuestion, WhatIfReplay, WhatIfStatus } from './types.ts';

/** What is not said has the room's own default. */
export type Asked = Pick<WhatIfQuestion, 'scenarios' | 'horizon_s' | 'replications' | 'seed' | 'at_ms'>;

export const status = (signal?: AbortSignal) => get<WhatIfStatus>('/whatif/status', {}, signal);
/** What a scenario may change of this plant, and what it may name. */
export const changes = (signal?: AbortSignal) => get<ChangeKinds>('/whatif/changes', {}, signal);
export const library = (signal?: AbortSignal) => get<WhatIfLibrary>('/whatif/library', {}, signal);
export const compare = (question: Asked, signal?: AbortSignal) => post<Comparison>('/whatif', question, signal);
/** Which guess, if it is wrong, moves an indicator of a scenario most; "" is doing nothing. */
export const sensitivity = (question: Asked, scenario: string, indicator: string, signal?: AbortSignal) =>
  post<Sensitivity>('/whatif/sensitivity', { question, scenario, indicator }, signal);
/** One run of a scenario, to be looked at; "" is doing nothing. */
export const replay = (question: Asked, scenario: string, replication: number, signal?: AbortSignal) =>
  post<WhatIfReplay>('/whatif/replay', { question, scenario, replication }, signal);
