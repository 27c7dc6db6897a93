// What a person chose for this browser: theme, language, single-letter keys.

import { messages, LOCALES, type Locale } from '../messages/index.svelte.ts';

export type Theme = 'system' | 'day' | 'night';
const THEMES: Theme[] = ['system', 'day', 'night'];

function stored<T extends string>(key: string, allowed: readonly T[]): T | null {
  const value = localStorage.getItem(`taktwin.${key}`) as T | null;
  return value !== null && allowed.includes(value) ? value : null;
}

class Settings {
  theme = $state<Theme>('system');
  /** WCAG 2.1.4: shortcuts of a single letter can be switched off. */
  letters = $state(true);

  constructor() {
    const asked = new URLSearchParams(location.search).get('theme') as Theme | null;
    this.setTheme(asked && THEMES.includes(asked) ? asked : (stored('theme', THEMES) ?? 'system'), false);
    this.letters = stored('letters', ['on', 'off']) !== 'off';
  }

  setTheme(theme: Theme, keep = true): void {
    this.theme = theme;
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    if (keep) localStorage.setItem('taktwin.theme', theme);
  }

  setLetters(on: boolean): void {
    this.letters = on;
    localStorage.setItem('taktwin.letters', on ? 'on' : 'off');
  }

  /** The language chosen here, or the address's, or the browser's. */
  language(): Locale {
    const asked = new URLSearchParams(location.search).get('lang');
    const wanted = asked ?? stored('language', LOCALES) ?? navigator.language.slice(0, 2);
    return LOCALES.includes(wanted as Locale) ? (wanted as Locale) : 'en';
  }

  async setLanguage(locale: Locale): Promise<void> {
    localStorage.setItem('taktwin.language', locale);
    await messages.use(locale);
  }
}

export const settings = new Settings();
