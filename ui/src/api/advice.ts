// The door to the ledger; a file of its own, because it is no part of the first load.

import { get, post } from './client.ts';
import type { AdviceClassRecord, AdviceInbox, AdviceTrail, AdviceUnmeasured, Recommendation } from './types.ts';

const at = (id: string) => `/advice/${encodeURIComponent(id)}`;

export const inbox = (signal?: AbortSignal) => get<AdviceInbox>('/advice', {}, signal);
export const one = (id: string, signal?: AbortSignal) => get<Recommendation>(at(id), {}, signal);
/** What was carried out and is not measured yet, with what that waits for. */
export const unmeasured = (signal?: AbortSignal) => get<AdviceUnmeasured[]>('/unmeasured', {}, signal);
export const classes = (signal?: AbortSignal) => get<AdviceClassRecord[]>('/advice/classes', {}, signal);
export const record = (name: string, signal?: AbortSignal) => get<AdviceClassRecord>(`/advice/classes/${encodeURIComponent(name)}`, {}, signal);
/** The same key again is answered again and done once. */
export const decide = (
  id: string, wish: { accept: boolean; version: number; shown: string; reason: string; signer?: string; pin?: string; idempotency_key: string },
) => post<Recommendation>(`${at(id)}/decision`, wish);
export const move = (name: string, wish: { level: string; reason: string; idempotency_key: string }) =>
  post<AdviceClassRecord>(`/advice/classes/${encodeURIComponent(name)}/level`, wish);
/** The journal's entries about a recommendation; the ledger proves its whole chain each time it is asked. */
export const trail = (id: string, signal?: AbortSignal) => get<AdviceTrail>(`${at(id)}/trail`, {}, signal);
