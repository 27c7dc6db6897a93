// The door to the analyst; a file of its own, because it is no part of the first load.

import { get, post } from './client.ts';
import type { Analyst, Risks } from './types.ts';

export const risks = (signal?: AbortSignal) => get<Risks>('/risks', {}, signal);
export const models = (signal?: AbortSignal) => get<Analyst>('/models', {}, signal);
/** `instead_of` is the live version that the person saw: where another one went live meanwhile, nothing happens. */
export const promote = (model: string, wish: { version: string; instead_of: string; why: string }) =>
  post<Analyst>(`/models/${encodeURIComponent(model)}/live`, wish);
