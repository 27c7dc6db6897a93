// Client-side routes. The instant of a replay stands in the address (`?mode=replay&at=...`), so that it
// can be shared; it goes along with every link.

export type PlaceName = 'now' | 'advice' | 'schedule' | 'whatif' | 'quality' | 'maintenance' | 'performance' | 'system' | 'alarms';
/** Pages without an object: their address is their path. */
const PATHS = {
  '': 'now',
  system: 'system',
  alarms: 'alarms',
  advice: 'advice',
  schedule: 'plan',
  'schedule/dispatch': 'schedule',
  'schedule/shift': 'shift',
  'schedule/people': 'people',
  'schedule/accounts': 'accounts',
  'schedule/documents': 'documents',
  'schedule/definitions': 'definitions',
  'schedule/stores': 'stores',
  maintenance: 'maintenance',
  'maintenance/resources': 'resources',
  'maintenance/assets': 'assets',
  whatif: 'whatif',
  'whatif/backtest': 'backtest',
  'whatif/calibration': 'calibration',
  performance: 'performance',
  quality: 'quality',
  'quality/audit': 'audit',
  'quality/holds': 'holds',
} as const;
export type Plain = (typeof PATHS)[keyof typeof PATHS];
export type Route =
  | { page: Plain }
  | { page: 'terminal' | 'serial' | 'machine' | 'signal'; id: string }
  | { page: 'missing' };

interface Kept {
  from: PlaceName;
  back: string;
}
const KEPT_QUERY = ['mode', 'at'];
const PLACES: readonly string[] = ['now', 'advice', 'schedule', 'whatif', 'quality', 'maintenance', 'performance', 'system', 'alarms'];
const isPlaceName = (page: string): page is PlaceName => PLACES.includes(page);
const HOME: Record<PlaceName, string> = {
  now: '/', advice: '/advice', schedule: '/schedule/dispatch', whatif: '/whatif', quality: '/quality', maintenance: '/maintenance', performance: '/performance', system: '/system', alarms: '/alarms',
};
const AT_NOW: Kept = { from: 'now', back: HOME.now };
const AT_SCHEDULE: Kept = { from: 'schedule', back: HOME.schedule };

function parse(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const page = PATHS[parts.join('/') as keyof typeof PATHS];
  if (page) return { page };
  const [head, ...rest] = parts;
  if ((head === 'terminal' || head === 'serial' || head === 'machine') && rest.length === 1) return { page: head, id: rest[0]! };
  if (head === 'signal' && rest.length) return { page: head, id: rest.join('/') };
  return { page: 'missing' };
}

/** The place that a page is part of; an object page and one that is missing are part of none. */
function placeOf(page: Route['page'], path: string): PlaceName | undefined {
  const head = path.split('/')[1] || 'now';
  return page !== 'missing' && isPlaceName(head) ? head : undefined;
}

class Router {
  url = $state.raw(new URL(location.href));
  #opened = $state.raw<Kept | null>(history.state as Kept | null);
  readonly route: Route = $derived(parse(this.url.pathname));
  readonly kept: Kept = $derived(this.#opened ?? (this.route.page === 'serial' ? AT_SCHEDULE : AT_NOW));

  /** The place that the rail marks: the page itself, or where an object page was opened from. */
  readonly place: PlaceName = $derived(placeOf(this.route.page, this.url.pathname) ?? this.kept.from);

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
    const here = placeOf(this.route.page, this.url.pathname);
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
    const part = placeOf(page, this.url.pathname);
    if (!isPlaceName(page) && page !== 'terminal') this.goto(part ? HOME[part] : this.kept.back);
  }
}

export const router = new Router();

export const machineHref = (id: string) => `/machine/${encodeURIComponent(id)}`;
export const terminalHref = (id: string) => `/terminal/${encodeURIComponent(id)}`;
export const serialHref = (id: string) => `/serial/${encodeURIComponent(id)}`;
export const ncHref = (nonconformance: string) => `/quality?nc=${encodeURIComponent(nonconformance)}`;
export const auditHref = (subject: string) => `/quality/audit?subject=${encodeURIComponent(subject)}`;
export const signalHref = (id: string) => `/signal/${id.split('/').map(encodeURIComponent).join('/')}`;
export const alarmHref = (id: string) => `/alarms?alarm=${encodeURIComponent(id)}`;
