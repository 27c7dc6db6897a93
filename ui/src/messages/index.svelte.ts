// Messages, numbers and times by the person's language and the plant's zone. No text lives elsewhere.

import { IntlMessageFormat } from 'intl-messageformat';
import type en from './en.json';
import type mesEn from './mes.en.json';

export type Key = keyof typeof en | keyof typeof mesEn;
/** Texts that come with the places that say them: those of the MES are not of the first load. */
export type Part = 'shell' | 'mes';
export type Locale = 'en' | 'de';
type Given = Record<string, string | number | boolean | Date | null | undefined>;

type File = () => Promise<{ default: Record<string, string> }>;
const files: Record<Part, Record<Locale, File>> = {
  shell: { en: () => import('./en.json'), de: () => import('./de.json') },
  mes: { en: () => import('./mes.en.json'), de: () => import('./mes.de.json') },
};
export const LOCALES: Locale[] = ['en', 'de'];
/** en-GB has the 24 h clock and day before month, as in plants. */
const TAGS: Record<Locale, string> = { en: 'en-GB', de: 'de-AT' };

class Messages {
  locale = $state<Locale>('en');
  private texts = $state.raw<Record<string, string>>({});
  private compiled = new Map<string, IntlMessageFormat>();
  private parts: Part[] = ['shell'];
  private turn: Promise<void> = Promise.resolve();

  use(locale: Locale): Promise<void> {
    return this.next(() => this.load(locale, this.parts));
  }

  /** Have the texts of a part, before the place that says them is shown. */
  need(part: Part): Promise<void> {
    return this.next(async () => {
      if (!this.parts.includes(part)) await this.load(this.locale, [...this.parts, part]);
    });
  }

  /** One after another: a language that is chosen while a part comes has all parts in the end. */
  private next(work: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async load(locale: Locale, parts: Part[]): Promise<void> {
    const loaded = await Promise.all(parts.map((part) => files[part][locale]()));
    this.parts = parts;
    this.compiled = new Map();
    this.texts = Object.assign({}, ...loaded.map((part) => part.default));
    this.locale = locale;
    document.documentElement.lang = locale;
  }

  get(key: string, values?: Given): string {
    const text = this.texts[key];
    if (text === undefined) return key;
    if (!values && !text.includes('{')) return text;
    let message = this.compiled.get(key);
    if (!message) {
      message = new IntlMessageFormat(text, TAGS[this.locale]);
      this.compiled.set(key, message);
    }
    return String(message.format(values));
  }

  has(key: string): boolean {
    return this.texts[key] !== undefined;
  }

  get tag(): string {
    return TAGS[this.locale];
  }
}

export const messages = new Messages();

export function t(key: Key, values?: Given): string {
  return messages.get(key, values);
}

/** A word of an enumeration, such as `class.production`; what nobody has named stays as it is. */
export function word(family: string, name: string): string {
  const key = `${family}.${name}`;
  return messages.has(key) ? messages.get(key) : name;
}
