// Copies of what the user has read, for when the server cannot be reached: the list, and the recipes
// that were opened last. They are in the browser's cache storage, a cache for each user; no token is in
// them.

const PREFIX = 'vestibule-copies-';
const MAX_COPIES = 51;
export const LIST = 'list';

export interface Copy<T> {
  /** When it was read. */
  readonly at: string;
  readonly value: T;
}

/** Whose copies are kept; null: nobody's. */
let owner: string | null = null;
const urlOf = (name: string) => `/copies/${encodeURIComponent(name)}`;

/** Does nothing where the browser has no such storage, denies it, or has no room. */
async function withCache<T>(act: (cache: Cache) => Promise<T>): Promise<T | null> {
  const mine = owner;
  if (mine === null || !('caches' in window)) return null;
  try {
    const done = await act(await caches.open(PREFIX + mine));
    // The user has signed out meanwhile.
    if (owner !== mine) await caches.delete(PREFIX + mine);
    return owner === mine ? done : null;
  } catch {
    return null;
  }
}

/** From now on, there are copies of this user's alone. */
export function keepCopiesOf(user: string | null): void {
  owner = user === '' ? null : user;
  if (!('caches' in window)) return;
  const clear = async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
    const others = names.filter((name) => owner === null || name !== PREFIX + owner);
    await Promise.all(others.map((name) => caches.delete(name)));
  };
  // Denied: then there are none.
  clear().catch(() => {});
}

export const keepCopy = (name: string, value: unknown) =>
  withCache(async (cache) => {
    // Behind all others: the first are the oldest.
    await cache.delete(urlOf(name));
    await cache.put(urlOf(name), Response.json({ at: new Date().toISOString(), value }));
    const surplus = (await cache.keys()).length - MAX_COPIES;
    const recipes = (await cache.keys()).filter(({ url }) => !url.endsWith(urlOf(LIST)));
    await Promise.all(recipes.slice(0, Math.max(0, surplus)).map((old) => cache.delete(old)));
  });

export const findCopy = <T>(name: string) =>
  withCache(async (cache) => {
    const found = await cache.match(urlOf(name));
    return found === undefined ? null : ((await found.json()) as Copy<T>);
  });

export const forgetCopy = (name: string) => withCache((cache) => cache.delete(urlOf(name)));

/** Forgets the recipes that the user has no more. */
export const forgetCopiesBut = (names: ReadonlySet<string>) =>
  withCache(async (cache) => {
    const kept = new Set([...names, LIST].map((name) => new URL(urlOf(name), location.href).href));
    const gone = (await cache.keys()).filter(({ url }) => !kept.has(url));
    await Promise.all(gone.map((request) => cache.delete(request)));
  });
