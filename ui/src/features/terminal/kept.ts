// What a terminal keeps in the browser while the server is away: bookings in their turn, and what it was
// shown last, with when that was. One database for all tabs; its name for itself goes with it.

import type { CrewDocument, Me, Plant, TerminalDocument } from '../../api/types.ts';

export interface Kept {
  /** The turn in which it was touched; never given twice. */
  sequence: number;
  id: string;
  name: string;
  data: Record<string, unknown>;
  at_ms: number;
  on_behalf_of: string;
  /** Who was signed in when it was touched; whoever brings it may be somebody else. An old page kept none. */
  account: string;
  unit: string;
  bytes: number;
}
export interface Shell {
  plant: Plant;
  me: Me;
}
export interface Place {
  terminal: TerminalDocument;
  crew: CrewDocument | null;
  /** The server's clock when it was last heard, ours then, and how fast the plant's time goes. */
  server_ms: number;
  clock_ms: number;
  speed: number;
}

let opened: Promise<IDBDatabase> | null = null;

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'));
  });
}

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('taktwin-terminal', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('bookings', { keyPath: 'sequence', autoIncrement: true });
      request.result.createObjectStore('known');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'));
  });
  return opened;
}

/** Do something in one transaction; it is on disk when this is over. */
async function within<T>(store: 'bookings' | 'known', mode: IDBTransactionMode, work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const transaction = (await open()).transaction(store, mode, { durability: 'strict' });
  const over = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the browser keeps nothing'));
  });
  const found = await work(transaction.objectStore(store));
  await over;
  return found;
}

const know = (key: string, what: unknown) => within('known', 'readwrite', (store) => answered(store.put(what, key)));
const known = <T>(key: string) => within('known', 'readonly', (store) => answered<T | undefined>(store.get(key)));

export const keepShell = (shell: Shell) => know('shell', shell);
export const shell = () => known<Shell>('shell');
export const keepPlace = (unit: string, place: Place) => know(`place:${unit}`, place);
export const place = (unit: string) => known<Place>(`place:${unit}`);

/** Whoever signs out leaves nothing that was shown to them; bookings that wait and the terminal's name stay. */
export const forgetShown = () =>
  within('known', 'readwrite', async (store) => {
    const keys = await answered(store.getAllKeys());
    await Promise.all(keys.filter((key) => key !== 'name').map((key) => answered(store.delete(key))));
  });

/** The name of this terminal: who loses its memory has another one. */
export const name = () =>
  within('known', 'readwrite', async (store) => {
    const before = await answered<string | undefined>(store.get('name'));
    if (before) return before;
    const made = `T-${crypto.randomUUID()}`;
    await answered(store.put(made, 'name'));
    return made;
  });

export const keep = (booking: Omit<Kept, 'sequence'>) =>
  within('bookings', 'readwrite', (store) => answered(store.add(booking)) as Promise<number>);
export const all = () => within('bookings', 'readonly', (store) => answered<Kept[]>(store.getAll()));
export const forget = (sequences: number[]) =>
  within('bookings', 'readwrite', async (store) => {
    await Promise.all(sequences.map((sequence) => answered(store.delete(sequence))));
  });
