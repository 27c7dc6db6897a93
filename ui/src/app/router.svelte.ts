// Client-side routes. The instant of a replay stands in the address (`?mode=replay&at=...`), so that it
// can be shared; it goes along with every link.

export type PlaceName = 'now' | 'schedule' | 'whatif' | 'quality' | 'maintenance' | 'performance' | 'system' | 'alarms';
export type Route =
  | { page: 'now' }
  | { page: 'system' }
  | { page: 'alarms' }
  | { page: 'schedule' }
  | { page: 'plan' }
  | { page: 'shift' }
  | { page: 'people' }
  | { page: 'accounts' }
  | { page: 'documents' }
  | { page: 'definitions' }
  | { page: 'maintenance' }
  | { page: 'resources' }
  | { page: 'assets' }
  | { page: 'stores' }
  | { page: 'whatif' }
  | { page: 'backtest' }
  | { page: 'performance' }
  | { page: 'quality' }
  | { page: 'audit' }
  | { page: 'holds' }
  | { page: 'terminal'; id: string }
  | { page: 'serial'; id: string }
  | { page: 'machine'; id: string }
  | { page: 'signal'; id: string }
  | { page: 'missing' };

interface Kept {
  from: PlaceName;
  back: string;
}
const KEPT_QUERY = ['mode', 'at'];
const PLACES: readonly string[] = ['now', 'schedule', 'whatif', 'quality', 'maintenance', 'performance', 'system', 'alarms'];
const isPlaceName = (page: string): page is PlaceName => PLACES.includes(page);
// Pages of a place, and where an object page belongs that was opened from nowhere: by a scan, a link, a reload.
const PART_OF: Partial<Record<Route['page'], PlaceName>> = {
  plan: 'schedule', people: 'schedule', accounts: 'schedule', documents: 'schedule', definitions: 'schedule', stores: 'schedule', shift: 'schedule',
  resources: 'maintenance', assets: 'maintenance', audit: 'quality', holds: 'quality', backtest: 'whatif',
};
const HOME: Record<PlaceName, string> = {
  now: '/', schedule: '/schedule/dispatch', whatif: '/whatif', quality: '/quality', maintenance: '/maintenance', performance: '/performance', system: '/system', alarms: '/alarms',
};
const AT_NOW: Kept = { from: 'now', back: HOME.now };
const AT_SCHEDULE: Kept = { from: 'schedule', back: HOME.schedule };

function parse(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const [head, ...rest] = parts;
  if (head === undefined) return { page: 'now' };
  if (head === 'system' && !rest.length) return { page: 'system' };
  if (head === 'alarms' && !rest.length) return { page: 'alarms' };
  if (head === 'schedule' && !rest.length) return { page: 'plan' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'dispatch') return { page: 'schedule' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'shift') return { page: 'shift' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'people') return { page: 'people' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'accounts') return { page: 'accounts' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'documents') return { page: 'documents' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'definitions') return { page: 'definitions' };
  if (head === 'maintenance' && !rest.length) return { page: 'maintenance' };
  if (head === 'maintenance' && rest.length === 1 && rest[0] === 'resources') return { page: 'resources' };
  if (head === 'maintenance' && rest.length === 1 && rest[0] === 'assets') return { page: 'assets' };
  if (head === 'schedule' && rest.length === 1 && rest[0] === 'stores') return { page: 'stores' };
  if (head === 'whatif' && !rest.length) return { page: 'whatif' };
  if (head === 'whatif' && rest.length === 1 && rest[0] === 'backtest') return { page: 'backtest' };
  if (head === 'performance' && !rest.length) return { page: 'performance' };
  if (head === 'quality' && !rest.length) return { page: 'quality' };
  if (head === 'quality' && rest.length === 1 && rest[0] === 'audit') return { page: 'audit' };
  if (head === 'quality' && rest.length === 1 && rest[0] === 'holds') return { page: 'holds' };
  if (head === 'terminal' && rest.length === 1) return { page: 'terminal', id: rest[0]! };
  if (head === 'serial' && rest.length === 1) return { page: 'serial', id: rest[0]! };
  if (head === 'machine' && rest.length === 1) return { page: 'machine', id: rest[0]! };
  if (head === 'signal' && rest.length) return { page: 'signal', id: rest.join('/') };
  return { page: 'missing' };
}

class Router {
  url = $state.raw(new URL(location.href));
  #opened = $state.raw<Kept | null>(history.state as Kept | null);
  readonly route: Route = $derived(parse(this.url.pathname));
  readonly kept: Kept = $derived(this.#opened ?? (this.route.page === 'serial' ? AT_SCHEDULE : AT_NOW));

  /** The place that the rail marks: the page itself, or where an object page was opened from. */
  readonly place: PlaceName = $derived.by(() => {
    const page = this.route.page;
    return isPlaceName(page) ? page : (PART_OF[page] ?? this.kept.from);
  });

  constructor() {
    addEventListener('popstate', (event) => {
      this.url = new URL(location.href);
      this.#opened = event.state as Kept | null;
    });
    document.addEventListener('click', (event) => {
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element | null)?.closest('a[href]');
      if (!link || link.hasAttribute('download') || link.getAttribute('target')) return;
      const href = link.getAttribute('href')!;
      if (!href.startsWith('/') || href.startsWith('/api/')) return;
      event.preventDefault();
      this.goto(href);
    });
  }

  /** The home of the place that the rail marks. */
  readonly home: string = $derived(HOME[this.place]);

  query(name: string): string | null {
    return this.url.searchParams.get(name);
  }

  goto(href: string): void {
    const next = new URL(href, location.origin);
    for (const key of KEPT_QUERY) {
      const value = this.url.searchParams.get(key);
      if (value !== null && !next.searchParams.has(key)) next.searchParams.set(key, value);
    }
    const page = this.route.page;
    const here = isPlaceName(page) ? page : PART_OF[page];
    const kept: Kept = here ? { from: here, back: this.url.pathname + this.url.search } : this.kept;
    history.pushState(kept, '', next);
    this.url = next;
    this.#opened = kept;
    requestAnimationFrame(() => document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
  }

  /** Change parts of the query without a new step in the history. */
  replaceQuery(change: Record<string, string | null>): void {
    const next = new URL(this.url);
    for (const [key, value] of Object.entries(change)) {
      if (value === null) next.searchParams.delete(key);
      else next.searchParams.set(key, value);
    }
    if (next.href === this.url.href) return;
    history.replaceState(this.#opened, '', next);
    this.url = next;
  }

  back(): void {
    const page = this.route.page;
    if (!isPlaceName(page) && page !== 'terminal') this.goto(PART_OF[page] ? HOME[PART_OF[page]] : this.kept.back);
  }
}

export const router = new Router();

export const machineHref = (id: string) => `/machine/${encodeURIComponent(id)}`;
export const terminalHref = (id: string) => `/terminal/${encodeURIComponent(id)}`;
export const serialHref = (id: string) => `/serial/${encodeURIComponent(id)}`;
export const nonconformanceHref = (id: string) => `/quality?nc=${encodeURIComponent(id)}`;
export const ncHref = (nonconformance: string) => `/quality?nc=${encodeURIComponent(nonconformance)}`;
export const auditHref = (subject: string) => `/quality/audit?subject=${encodeURIComponent(subject)}`;
export const signalHref = (id: string) => `/signal/${id.split('/').map(encodeURIComponent).join('/')}`;
export const alarmHref = (id: string) => `/alarms?alarm=${encodeURIComponent(id)}`;
