// A refusal as a person reads it: of each thing that is wrong the place, what was found, what would be right.

import type { ApiError } from '../api/client.ts';
import { t } from '../messages/index.svelte.ts';

interface Mistake { place: string; found: string; right: string }

const isMistake = (each: unknown): each is Mistake =>
  typeof each === 'object' && each !== null && 'place' in each && 'found' in each && 'right' in each;

/** The mistakes in the page's language; what is no refusal is said as it came. */
export function refusal(error: ApiError): string {
  const also = Array.isArray(error.body.also) ? (error.body.also as unknown[]) : [];
  const mistakes = error.status === 422 ? [error.body, ...also].filter(isMistake) : [];
  return mistakes.length ? mistakes.map((each) => t('away.why', { place: each.place, found: each.found, right: each.right })).join('\n') : error.message;
}
