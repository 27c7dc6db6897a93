// A bar code scanner that types: fast letters and Enter, wherever the focus is. No field needs it.

const GAP_MS = 300; // a slow scanner on a busy tablet; a longer pause begins a new code
const LETTERS_MIN = 3;

/** Hear a scanner for as long as the caller lives; returns what ends it. */
export function scanner(heard: (text: string) => void): () => void {
  let text = '';
  let last = 0;
  function key(event: KeyboardEvent): void {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    // Before the keys of the page: a lot number is no command, and a terminal has no others.
    if (event.key.length === 1) event.stopPropagation();
    const now = event.timeStamp;
    if (now - last > GAP_MS) text = '';
    last = now;
    if (event.key === 'Enter') {
      if (text.length >= LETTERS_MIN) {
        event.preventDefault();
        event.stopPropagation();
        heard(text);
      }
      text = '';
    } else if (event.key.length === 1) text += event.key;
  }
  window.addEventListener('keydown', key, { capture: true });
  return () => window.removeEventListener('keydown', key, { capture: true });
}
