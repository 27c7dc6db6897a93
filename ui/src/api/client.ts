// The one door to the portal's HTTP side. Every failure becomes an ApiError with a sentence.

import type {
  AccountCode, Accounts, AlarmDocument, AlarmHealth, AssetHistory, Assets, Audit, AuditEntry, Availability, BackTestBegun, BackTests, BackTestWish, Bar, Board, CrewDocument, DefinitionsDocument, Entrance, Granted, Import, Injections, Instructions, IssuedToken, JournalEntry, Labour, LateBooking, LateBookings, Lots, MaintenanceDocument, Me,
  Holds, NonconformancePage, Origin, People, Plant, QualityDocument, Recall, ScheduleDocument, SearchResult, SerialPage, SignalHops, StockDocument, StoredValue, Suspicions, Synced, SystemDocument, TerminalDocument,
  PerformanceDocument, Standing, StopPage, Timeline, Told, UnitPage, UnitRecord, Upkeep,
} from './types.ts';
import { partsOf, readColumns, type Columns } from './columns.ts';

const ROOT = '/api/v1';

export class ApiError extends Error {
  readonly status: number;
  /** What else the answer says: of a conflict, `current` is what somebody else made of the thing. */
  readonly body: Record<string, unknown>;
  constructor(status: number, message: string, body: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `${ROOT}${path}${text ? `?${text}` : ''}`;
}

/** Ask, and return the whole answer. One that breaks off in the middle is none, as one that never comes. */
async function ask<T>(url: string, read: (answer: Response) => Promise<T>, init: RequestInit = {}): Promise<T> {
  let answer: Response;
  let text = '';
  try {
    answer = await fetch(url, init);
    if (answer.ok) return await read(answer);
    text = await answer.text();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, error instanceof Error ? error.message : String(error));
  }
  // Whoever was signed in is so no more: the page asks again who is there.
  if (answer.status === 401) dispatchEvent(new Event('signed-out'));
  let sentence = `${answer.status} ${answer.statusText}`;
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
    if (typeof body.detail === 'string') sentence = body.detail;
  } catch {
    if (text && text.length < 300) sentence = text;
  }
  throw new ApiError(answer.status, sentence, body);
}

const asText = (answer: Response): Promise<string> => answer.text();
const asBytes = (answer: Response): Promise<ArrayBuffer> => answer.arrayBuffer();

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return JSON.parse(await ask(address(path, query), asText, signal ? { signal } : {})) as T;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await ask(address(path), asText, {
    ...(signal ? { signal } : {}),
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return JSON.parse(answer) as T;
}

/** Signal and alarm ids hold slashes that belong to the path; everything else is escaped. */
function within(id: string): string {
  return id.split('/').map(encodeURIComponent).join('/');
}

export const plant = () => get<Plant>('/plant');
export const me = () => get<Me>('/me');
export const system = (signal?: AbortSignal) => get<SystemDocument>('/system', {}, signal);
export const bar = (from_ms: number, to_ms: number, columns: number, signal?: AbortSignal) =>
  get<Bar>('/bar', { from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), columns }, signal);
export const search = (q: string, signal?: AbortSignal) =>
  get<{ results: SearchResult[] }>('/search', { q }, signal);
export const unit = (id: string, at_ms?: number, signal?: AbortSignal) =>
  get<UnitPage>(`/units/${encodeURIComponent(id)}`, { at_ms }, signal);
export const timeline = (id: string, from_ms: number, to_ms: number, signal?: AbortSignal) =>
  get<Timeline>(
    `/units/${encodeURIComponent(id)}/timeline`,
    { from_ms: Math.round(from_ms), to_ms: Math.round(to_ms) },
    signal,
  );
export const values = (id: string, before_ms: number, limit: number, signal?: AbortSignal) =>
  get<{ values: StoredValue[] }>(
    `/signals/${within(id)}/values`,
    { before_ms: Math.round(before_ms), limit },
    signal,
  );
export const origin = (id: string, signal?: AbortSignal) =>
  get<Origin>(`/signals/${within(id)}/origin`, {}, signal);
export const hops = (id: string, signal?: AbortSignal) =>
  get<SignalHops>(`/signals/${within(id)}/hops`, {}, signal);
export const alarms = (at_ms?: number, signal?: AbortSignal) =>
  get<{ alarms: AlarmDocument[] }>('/alarms', { at_ms }, signal);
export const journal = (query: Query, signal?: AbortSignal) =>
  get<{ entries: JournalEntry[] }>('/alarms/journal', query, signal);
export const alarmHealth = (signal?: AbortSignal) => get<AlarmHealth>('/alarms/health', {}, signal);

export async function curve(
  id: string, from_ms: number, to_ms: number, columns: number, signal?: AbortSignal,
): Promise<Columns> {
  const query = { from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), columns };
  return readColumns(await ask(address(`/signals/${within(id)}/curve`, query), asBytes, signal ? { signal } : {}));
}

/** Return the curves of many signals by their ids, with one question. */
export async function manyCurves(ids: string[], from_ms: number, to_ms: number, columns: number): Promise<Map<string, Columns>> {
  const query = new URLSearchParams(ids.map((id) => ['signal', id]));
  for (const [name, value] of Object.entries({ from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), columns })) query.set(name, String(value));
  return partsOf(readColumns(await ask(`${ROOT}/curves?${query}`, asBytes)));
}

export type AlarmVerb = 'acknowledge' | 'shelve' | 'unshelve' | 'comment';

export function alarmAct(
  alarm: { alarm: string; version: string }, verb: AlarmVerb, comment: string, until_ms?: number,
) {
  return post<{ event_id: string }>(`/alarms/${within(alarm.alarm)}/${verb}`, {
    comment,
    version: alarm.version,
    mode: 'live',
    ...(until_ms === undefined ? {} : { until_ms: Math.round(until_ms) }),
    idempotency_key: crypto.randomUUID(),
  });
}

export const lots = (after: string, signal?: AbortSignal) => get<Lots>('/mes/lots', { after }, signal);
export const board = (signal?: AbortSignal) => get<Board>('/mes/board', {}, signal);
/** The schedule in force, and the one that would come of some moves; asking changes nothing. */
export const proposal = (moves: readonly { job: string; work_unit: string; begin_ms: number }[], signal?: AbortSignal) =>
  post<ScheduleDocument>('/mes/schedule/proposal', { moves }, signal);
export const terminal = (unit: string, signal?: AbortSignal) =>
  get<TerminalDocument>(`/mes/terminal/${encodeURIComponent(unit)}`, {}, signal);
export const crew = (unit: string, signal?: AbortSignal) =>
  get<CrewDocument>(`/mes/crew/${encodeURIComponent(unit)}`, {}, signal);
export const people = (signal?: AbortSignal) => get<People>('/mes/people', {}, signal);
export const labour = (hours: number, signal?: AbortSignal) => get<Labour>('/mes/labour', { hours }, signal);
export const definitions = (signal?: AbortSignal) => get<DefinitionsDocument>('/mes/definitions', {}, signal);
export const documents = (signal?: AbortSignal) => get<Instructions>('/mes/documents', {}, signal);
/** The address of a file of a released document. */
export const fileHref = (name: string) => `${ROOT}/mes/files/${name}`;
export const serial = (id: string, signal?: AbortSignal) =>
  get<SerialPage>(`/mes/units/${encodeURIComponent(id)}`, {}, signal);
export const maintenance = (signal?: AbortSignal) => get<MaintenanceDocument>('/mes/maintenance', {}, signal);
export const backTests = (signal?: AbortSignal) => get<BackTests>('/whatif/backtest', {}, signal);
export const backTest = (wish: Pick<BackTestWish, 'days' | 'every_s'>) => post<BackTestBegun>('/whatif/backtest', wish);
export const stock = (signal?: AbortSignal) => get<StockDocument>('/mes/stock', {}, signal);
export const availability = (signal?: AbortSignal) => get<Availability>('/mes/availability', {}, signal);
export const assets = (equipment = '', at_ms = 0, signal?: AbortSignal) =>
  get<Assets>('/mes/assets', { equipment, at_ms: at_ms || null }, signal);
export const assetHistory = (query: Query, signal?: AbortSignal) => get<AssetHistory>('/mes/assets/history', query, signal);
export const told = (unit: string, signal?: AbortSignal) =>
  get<Told>(`/mes/told/${encodeURIComponent(unit)}`, {}, signal);
export const upkeep = (unit: string, signal?: AbortSignal) =>
  get<Upkeep>(`/mes/maintenance/${encodeURIComponent(unit)}`, {}, signal);

export const performance = (scope: string, span: string, at_ms: number, signal?: AbortSignal) =>
  get<PerformanceDocument>(`/mes/performance/${encodeURIComponent(scope)}`, { span, at_ms: at_ms || null }, signal);
export const stop = (id: string, signal?: AbortSignal) => get<StopPage>(`/mes/stops/${encodeURIComponent(id)}`, {}, signal);
export const standing = (unit: string, signal?: AbortSignal) =>
  get<Standing>(`/mes/standing/${encodeURIComponent(unit)}`, {}, signal);

export const record = (id: string, signal?: AbortSignal) =>
  get<UnitRecord>(`/mes/units/${encodeURIComponent(id)}/record`, {}, signal);
/** The address of a unit's device history record. */
export const recordHref = (id: string, kind: 'json' | 'pdf', language = '') =>
  `${ROOT}/mes/units/${encodeURIComponent(id)}/record.${kind}${language ? `?language=${language}` : ''}`;
export const journalHref = `${ROOT}/mes/audit.jsonl`;
export const audit = (query: Query, signal?: AbortSignal) => get<Audit>('/mes/audit', query, signal);
/** The number of the MES's journal entry that is named as `/<enterprise>/<site>/mes:<number>`; null: another one's. */
export const mesEntry = (cause: string): number | null => {
  const found = /\/mes:0*(\d+)$/.exec(cause);
  return found ? Number(found[1]) : null;
};
/** One entry of the MES's journal, by its number; empty where there is none. */
export const auditEntry = async (number: number, signal?: AbortSignal): Promise<AuditEntry[]> => {
  const found = await audit({ subject: '', who: '', from_ms: 0, to_ms: 0, before: number + 1 }, signal);
  return found.entries.filter((each) => each.sequence === number);
};
export const holds = (signal?: AbortSignal) => get<Holds>('/mes/holds', {}, signal);
export const suspicions = (signal?: AbortSignal) => get<Suspicions>('/mes/suspicions', {}, signal);
export const recall = (lot: string, signal?: AbortSignal) =>
  get<Recall>(`/mes/lots/${encodeURIComponent(lot)}/recall`, {}, signal);
export const quality = (signal?: AbortSignal) => get<QualityDocument>('/mes/quality', {}, signal);
export const nonconformance = (id: string, signal?: AbortSignal) =>
  get<NonconformancePage>(`/mes/nonconformances/${encodeURIComponent(id)}`, {}, signal);

/** Ask the MES to change something. The key makes asking again harmless: it is answered, not done twice. */
export const command = (
  name: string, data: Record<string, unknown>, reason = '', key: string = crypto.randomUUID(), who = '',
) => post<Granted>(`/mes/commands/${name}`, { data, reason, idempotency_key: key, on_behalf_of: who });

/** Bring orders of an ERP: CSV, or B2MML. The answer has a row for each of its parts. */
export async function sendOrders(file: File): Promise<Import> {
  const xml = /\.xml$/i.test(file.name);
  const answer = await ask(address(xml ? '/mes/erp/messages' : '/mes/erp/orders'), asText, {
    method: 'POST',
    headers: { 'content-type': xml ? 'application/xml' : 'text/csv', accept: 'application/json' },
    body: file,
  });
  return JSON.parse(answer) as Import;
}

export const entrance = () => get<Entrance>('/session');
export const signIn = (account: string, password: string) => post<unknown>('/session', { account, password });
export const signOut = () => post<unknown>('/session/end', {});
export const setUp = (account: string, password: string, code: string) =>
  post<unknown>('/session/set-up', { account, password, code });
export const choosePassword = (account: string, password: string, code: string, before = '') =>
  post<unknown>('/session/password', { account, password, code, before });
export const accounts = (signal?: AbortSignal) => get<Accounts>('/accounts', {}, signal);
export const openAccount = (account: string, printed_name: string) => post<AccountCode>('/accounts', { account, printed_name });
export const newCode = (account: string) => post<AccountCode>(`/accounts/${encodeURIComponent(account)}/code`, {});
export const issueToken = (account: string, name: string, actions: string[], days: number) =>
  post<IssuedToken>(`/accounts/${encodeURIComponent(account)}/tokens`, { name, actions, days });
export const revokeToken = (account: string, token: string) =>
  post<unknown>(`/accounts/${encodeURIComponent(account)}/tokens/${token}/revoke`, {});
/** Bring what a terminal kept. `first`: the lowest turn that it still keeps. */
export const bring = (terminal: string, first: number, kept: LateBooking[]) =>
  post<Synced>(`/mes/terminals/${terminal}/bookings`, {
    first, bookings: kept.map(({ id, sequence, name, at_ms, data, on_behalf_of, account }) => ({ id, sequence, name, at_ms, data, on_behalf_of, account: account ?? '' })),
  });
export const lateBookings = (signal?: AbortSignal) => get<LateBookings>('/mes/late-bookings', {}, signal);

export const injections = () => get<Injections>('/demo/injections');
export const inject = (kind: string, target: string, duration_s: number) =>
  post<unknown>('/demo/injections', { kind, target, duration_s, parameters: {} });
