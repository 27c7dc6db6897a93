// Where a role lands after signing in; everything else is one touch away for everybody.

import type { Me } from '../../api/types.ts';
import { terminalHref } from '../../app/router.svelte.ts';

const LANDS: readonly (readonly [role: string, href: string])[] = [
  ['manager', '/'],
  ['leader', '/'],
  ['planner', '/schedule'],
  ['quality', '/quality'],
  ['maintenance', '/maintenance'],
  ['engineer', '/system'],
];

/** `makes`: the plant makes something, so it has places of the MES; `units`: its work units. */
export function landing(me: Me, makes: boolean, units: ReadonlySet<string>): string {
  const roles = new Set([...me.roles, ...me.scoped.map((each) => each.role)]);
  const place = LANDS.find(([role]) => roles.has(role))?.[1];
  if (place !== undefined) return makes || place === '/system' ? place : '/';
  if (!makes) return '/';
  // Whoever works in one cell only stands at its terminal.
  const cells = me.scoped.filter((each) => each.role === 'operator').map((each) => each.scope.split('/').at(-1)!);
  if (cells.length === 1 && units.has(cells[0]!)) return terminalHref(cells[0]!);
  return roles.has('admin') ? '/schedule/accounts' : '/';
}
