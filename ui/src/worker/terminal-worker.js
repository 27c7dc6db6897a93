// Opens a terminal without the server: keeps the files of that one place, and no data. What the page knows
// it keeps by itself, with when it was known. Made into /terminal-worker.js by the build, which writes the list.
const FILES = '__FILES__';
const CACHE = 'terminal-__VERSION__';
const PAGE = '/index.html';
const PATIENCE_MS = 4000; // a network that is gone may not say so

self.addEventListener('install', (event) => {
  const whole = FILES.map((file) => new Request(file, { cache: 'reload' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(whole)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const older = caches.keys().then((names) => names.filter((name) => name.startsWith('terminal-') && name !== CACHE));
  event.waitUntil(older.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate') event.respondWith(page(request));
  else if (FILES.includes(url.pathname)) event.respondWith(kept(url.pathname).then((hit) => hit ?? fetch(request)));
});

const kept = (path) => caches.open(CACHE).then((cache) => cache.match(path, { ignoreVary: true }));

// The server's page where it answers: it may be newer than what is kept.
async function page(request) {
  const late = new Promise((_, gone) => setTimeout(gone, PATIENCE_MS, new Error('no answer')));
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (answer.status < 500) return answer;
  } catch {
    // No answer: what is kept is shown, and says by itself that the server is away.
  }
  return (await kept(PAGE)) ?? Response.error();
}
