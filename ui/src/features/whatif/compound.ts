// Kinds of change that hold a thing of their own (an order, a machine, a product with its route, a mix): the
// thing's parts as fields with a path, `order.quantity`, so that they fill gaps of a sentence as all others do. Pure.

import type { Change, ChangeField, ChangeKind } from '../../api/types.ts';

type Part = Partial<ChangeField> & Pick<ChangeField, 'name' | 'type'>;
const field = (part: Part): ChangeField => ({
  label: part.name.split('.').at(-1)!, unit: '', names: '', required: true, nullable: false, default: null, least: null, least_allowed: true, most: null, many: false, ...part,
});
const STEPS_MAX = 12;
const STEP = 10; // between the numbers of operations

/** What a kind begins with beside its fields. */
const EMPTY: Record<string, () => Record<string, unknown>> = {
  order_added: () => ({ order: {} }),
  center_added: () => ({ center: {} }),
  demand_mix: () => ({ shares: {} }),
  product_added: () => ({ product: { name: '', steps: [step(0)] } }),
};
const step = (place: number) => ({ name: String((place + 1) * STEP), center: '', work: { distribution: 'lognormal', mean_s: 60, cv: 0.1 } });

export const isCompound = (kind: ChangeKind): boolean => kind.change in EMPTY;
export const emptyOf = (kind: ChangeKind): Change => ({ change: kind.change, ...EMPTY[kind.change]?.() });

/** The fields of a change; those of a thing of its own by their path. */
export function fieldsOf(kind: ChangeKind, change: Change | null, products?: readonly string[]): ChangeField[] {
  switch (kind.change) {
    case 'order_added':
      return [
        field({ name: 'order.name', type: 'text' }),
        field({ name: 'order.product', type: 'name', names: 'product' }),
        field({ name: 'order.quantity', type: 'integer', least: 1 }),
        field({ name: 'order.release_s', type: 'number', unit: 's', least: 0 }),
        field({ name: 'order.due_s', type: 'number', unit: 's', required: false, nullable: true }),
        field({ name: 'order.priority', type: 'integer', required: false, default: 0 }),
      ];
    case 'center_added':
      return [
        field({ name: 'center.name', type: 'text' }),
        field({ name: 'center.units', type: 'integer', least: 1, most: 50 }),
        field({ name: 'center.queue_max', type: 'integer', required: false, nullable: true, least: 0 }),
        field({ name: 'center.pace', type: 'number', required: false, default: 1, least: 0, least_allowed: false }),
      ];
    case 'demand_mix':
      return mixed(change, products).map((product) => field({ name: `shares.${product}`, type: 'number', required: false, nullable: true, least: 0, label: product }));
    case 'product_added':
      return [
        field({ name: 'product.name', type: 'text' }),
        ...stepsOf(change).flatMap((_, place) => [
          field({ name: `product.steps.${place}.center`, type: 'name', names: 'center' }),
          field({ name: `product.steps.${place}.work.mean_s`, type: 'number', unit: 's', least: 0, least_allowed: false }),
        ]),
      ];
    default:
      return kind.fields;
  }
}

/** The products of a mix: all that may be in it, or those that are. */
export const mixed = (change: Change | null, products?: readonly string[]): readonly string[] => products ?? Object.keys((change?.shares as object | undefined) ?? {});

export function stepsOf(change: Change | null): unknown[] {
  const steps = (change?.product as { steps?: unknown[] } | undefined)?.steps;
  return Array.isArray(steps) ? steps : [0];
}

/** The route of a new product, one operation longer or shorter; null where it cannot be. */
export function resized(change: Change, by: 1 | -1): Change | null {
  const steps = stepsOf(change);
  const many = steps.length + by;
  if (change.change !== 'product_added' || many < 1 || many > STEPS_MAX) return null;
  const made = { ...step(many - 1), center: (steps.at(-1) as { center?: string }).center ?? '' };
  return { ...change, product: { ...(change.product as object), steps: by > 0 ? [...steps, made] : steps.slice(0, -1) } };
}

/** The shares of a mix stand in whole numbers, of whatever sum; a product without one stays as it is wanted. */
const isShare = (path: string) => path.startsWith('shares.');
const keysOf = (path: string): string[] => (isShare(path) ? ['shares', path.slice('shares.'.length)] : path.split('.'));

export function valueAt(change: Change, path: string): unknown {
  return keysOf(path).reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], change);
}
export const isSet = (change: Change, path: string): boolean => valueAt(change, path) !== undefined;

/** Write a value at its path; undefined takes it away. */
export function putAt(change: Change, path: string, value: unknown): void {
  const keys = keysOf(path);
  const last = keys.pop()!;
  const holder = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, change);
  if (value === undefined || (value === null && isShare(path))) delete holder[last];
  else holder[last] = value;
}
