// The service worker: it has the page's files, so that the page opens without the server. It knows
// nothing of users, and what they ask of the API passes it by: their copies are src/copies.ts.

import { routeOf } from '../src/routes';

declare const self: ServiceWorkerGlobalScope;
/** Set by scripts/build.js: the paths of the page's files, and a hash of them all. */
declare const FILES: readonly string[];
declare const VERSION: string;

const PREFIX = 'vestibule-page-';
const CACHE = PREFIX + VERSION;
const PAGE = '/';

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((path) => new Request(path, { cache: 'reload' })));
}

/** The files of earlier versions go: no page of them is open, or the user has asked for this one. */
async function activate(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The file that answers a request, if it is one of the page's. */
function fileOf({ method, mode, url }: Request): string | null {
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== location.origin) return null;
  if (mode === 'navigate') return routeOf(pathname).name === 'missing' ? null : PAGE;
  return pathname !== PAGE && FILES.includes(pathname) ? pathname : null;
}

async function answer(file: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(file)) ?? fetch(request);
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('fetch', (event) => {
  const file = fileOf(event.request);
  if (file !== null) event.respondWith(answer(file, event.request));
});
// The user wants the new version now.
self.addEventListener('message', (event) => {
  if (event.data === 'activate') event.waitUntil(self.skipWaiting());
});
