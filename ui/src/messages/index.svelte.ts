// Messages, numbers and times by the person's language and the plant's zone. No text lives elsewhere.

import { IntlMessageFormat } from 'intl-messageformat';
import type en from './en.json';

export type Key = keyof typeof en;
export type Locale = 'en' | 'de';
type Given = Record<string, string | number | boolean | Date | null | undefined>;

const files: Record<Locale, () => Promise<{ default: Record<string, string> }>> = {
  en: () => import('./en.json'),
  de: () => import('./de.json'),
};
export const LOCALES: Locale[] = ['en', 'de'];
/** en-GB has the 24 h clock and day before month, as in plants. */
const TAGS: Record<Locale, string> = { en: 'en-GB', de: 'de-AT' };

class Messages {
  locale = $state<Locale>('en');
  private texts = $state.raw<Record<string, string>>({});
  private compiled = new Map<string, IntlMessageFormat>();

  async use(locale: Locale): Promise<void> {
    const file = await files[locale]();
    this.compiled = new Map();
    this.texts = file.default;
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
