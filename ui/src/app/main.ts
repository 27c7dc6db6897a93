import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { settings } from './settings.svelte.ts';
import { messages } from '../messages/index.svelte.ts';

// A browser under a POSIX locale names its language en-US@posix, which Intl refuses, and uPlot with it.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
}

await messages.use(settings.language());
mount(App, { target: document.getElementById('app')! });
