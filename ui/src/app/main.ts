import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { settings } from './settings.svelte.ts';
import { messages } from '../messages/index.svelte.ts';

await messages.use(settings.language());
mount(App, { target: document.getElementById('app')! });
