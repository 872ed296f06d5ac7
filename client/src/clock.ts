// Lengths of time. Nothing here, or in what uses it, asks what time it is.

const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** Timers by name: a new one replaces the old one of its name. */
export class Timers {
  readonly #handles = new Map<string, ReturnType<typeof setTimeout>>();

  set(name: string, ms: number, expire: () => void): void {
    this.clear(name);
    this.#handles.set(name, setTimeout(expire, Math.min(Math.max(ms, 0), MAX_TIMEOUT_MS)));
  }

  has(name: string): boolean {
    return this.#handles.has(name);
  }

  clear(name: string): void {
    clearTimeout(this.#handles.get(name));
    this.#handles.delete(name);
  }

  clearAll(): void {
    for (const name of this.#handles.keys()) this.clear(name);
  }
}

/**
 * Exponential back-off with full jitter: anywhere between 0 and 1 s, 2 s, 4 s … 30 s, so that those
 * who lost the same server do not come back to it together.
 */
export function backOffMs(attempt: number, random: number): number {
  return random * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
}

/**
 * From a message's own time to a later one in it: both are the server's, so that the clock of this
 * machine, which may be set to anything, has no part in it. `otherwise` where one is unreadable.
 */
export function msBetween(from: string, to: string, otherwise: number): number {
  const ms = Date.parse(to) - Date.parse(from);
  return Number.isNaN(ms) ? otherwise : Math.max(0, ms);
}

/** What makes waiting for a back-off pointless: the network is back, or the user is. */
export function onWake(wake: () => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const page = globalThis.document;
  globalThis.addEventListener?.('online', wake, { signal });
  page?.addEventListener(
    'visibilitychange',
    () => {
      if (page.visibilityState === 'visible') wake();
    },
    { signal },
  );
  return () => stop.abort();
}
