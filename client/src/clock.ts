// Lengths of time, and what the page says of the network. The other files ask for no time but a
// message's own `timestamp`.

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A minute, spread so that an office behind one address does not come back as one. */
export const aboutAMinuteMs = (spread: number) => 60_000 + spread * 10_000;

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

/** For lengths: it never goes back. */
export const monotonicMs = (): number => performance.now();

/** To notice a sleep, in which the other clock may stand still, and a reload: it may be wrong. */
export const wallMs = (): number => Date.now();

/**
 * Exponential back-off with full jitter: anywhere between 0 and `minMs`, twice, four times that …
 * `maxMs`, so that those who lost the same server do not come back to it together.
 */
export function backOffMs(attempt: number, minMs: number, maxMs: number): number {
  return Math.random() * Math.min(maxMs, minMs * 2 ** attempt);
}

/**
 * From a message's own time to a later one in it: both are the server's, so that the clock of this
 * machine, which may be set to anything, has no part in it. `otherwise` where one is unreadable.
 */
export function msBetween(from: string, to: string, otherwise: number): number {
  const ms = Date.parse(to) - Date.parse(from);
  return Math.max(0, isNaN(ms) ? otherwise : ms);
}

/** The browser is sure that there is no network. That there is one, it never knows. */
export const isOffline = (): boolean => globalThis.navigator?.onLine === false;

/** Tells when the network or the user is back (`wake`), and when the network is gone. */
export function watchPage(tell: (event: 'wake' | 'offline') => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const page = globalThis.document;
  const wake = () => tell('wake');
  const listen = globalThis.addEventListener;
  listen?.('online', wake, { signal });
  listen?.('offline', () => tell('offline'), { signal });
  page?.addEventListener('visibilitychange', () => page.hidden || wake(), { signal });
  return () => stop.abort();
}
