// One run of a simulation as the page plays it, and where an instant is in it. Pure.

export interface Span {
  from_ms: number;
  to_ms: number;
  time_class: string;
  product: string;
  order: string;
}

/** One run: what each machine does when, what lies where, and when orders are done. */
export interface Run {
  /** What was changed, in words; what it is compared with is the letter A. */
  name: string;
  letter: string;
  replication: number;
  replications: number;
  unknowns: number;
  start_ms: number;
  end_ms: number;
  units: { unit: string; spans: Span[] }[];
  buffers: { buffer: string; from_ms: number[]; content: number[] }[];
  orders: { order: string; done_ms: number }[];
  /** Another run of the same future; null where it could not be had. */
  another: (replication: number) => Promise<Run | null>;
}

/** The place of the last instant at or before another in a rising list; -1 before the first. */
export function placeAt(instants: readonly number[], at_ms: number): number {
  let low = 0;
  let high = instants.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (instants[middle]! <= at_ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
