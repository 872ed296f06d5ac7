// Where tokens are kept, and how they are replaced: once, however many ask.

import { SignedOutError } from './errors.js';
import { withLock } from './lock.js';
import type { Credentials } from './types.js';
import { absoluteUrl } from './url.js';

/** What signing in and refreshing answer. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** What a store has: it may have lost the access token, which a refresh brings back. */
export interface StoredTokens {
  readonly access_token: string | null;
  readonly refresh_token: string;
}

/** Where tokens are kept. Yours may encrypt them, or ask the host application. */
export interface TokenStore {
  load(): StoredTokens | null;
  /** null: forget them. */
  save(tokens: Tokens | null): void;
}

/** In memory: gone with the page, and out of reach for whatever reads its storage later. */
export function memoryStore(tokens: Tokens | null = null): TokenStore {
  return {
    load: () => tokens,
    save: (replacement) => void (tokens = replacement),
  };
}

/**
 * In `localStorage`: outlives the page, and is shared by all tabs of the origin, who then refresh
 * together only once. Every script on the origin can read it. The access token lies beside the
 * refresh token, since who has that one can get the other. Where the browser allows no storage it
 * is memory.
 */
export function localStorageStore(key = 'vestibule.tokens'): TokenStore {
  const fallback = memoryStore();
  const forget = () => {
    try {
      localStorage.removeItem(key);
    } catch {
      // Denied.
    }
  };
  return {
    load() {
      try {
        const text = localStorage.getItem(key);
        if (text !== null) return asTokens(JSON.parse(text)) ?? fallback.load();
      } catch {
        // No storage here, or somebody else's under our key.
      }
      return fallback.load();
    },
    save(tokens) {
      try {
        if (tokens === null) localStorage.removeItem(key);
        else localStorage.setItem(key, JSON.stringify(tokens));
        fallback.save(null);
      } catch {
        fallback.save(tokens);
        // Where there is no room for the new, the old must not come back: it is used up.
        forget();
      }
    },
  };
}

/**
 * The refresh token in `localStorage`, as above; the access token in memory, out of reach for what
 * reads the storage later. Each page begins with a refresh, and a stolen refresh token is noticed
 * when it is used twice. A page in which another user signs in must be loaded anew.
 */
export function refreshTokenStore(key = 'vestibule.tokens'): TokenStore {
  const store = localStorageStore(key);
  let access: string | null = null;
  return {
    load() {
      const tokens = store.load();
      if (tokens === null) access = null;
      return tokens && { ...tokens, access_token: access };
    },
    save(tokens) {
      access = tokens?.access_token ?? null;
      store.save(tokens && { ...tokens, access_token: '' });
    },
  };
}

export interface TokenKeeperOptions {
  /**
   * The server, such as `https://chat.example.com`; `wss:` is taken as `https:`. One without scheme
   * and host is the page's.
   */
  url: string | URL;
  /** Default: `memoryStore()`. */
  store?: TokenStore | undefined;
  /**
   * New tokens for a refresh token. Throws `SignedOutError` where that one is not good any more;
   * after whatever else it throws, the tokens are kept. Default: `POST /v1/auth/refresh` of the
   * server.
   */
  refresh?: ((refreshToken: string) => Promise<Tokens>) | undefined;
  /** For a refresh. Default 10,000. */
  timeoutMs?: number | undefined;
}

/** Tokens that replace themselves. Share one among all connections of a page. */
export interface TokenKeeper extends Credentials {
  getToken: () => string | null;
  refreshToken: (stale: string | null) => Promise<string | null>;
  /** After signing in. */
  save: (tokens: Tokens) => void;
  /** After signing out. */
  clear: () => void;
}

/**
 * Keeps tokens and refreshes them: one request however many ask, in all tabs that share the store.
 * Who waited while another tab refreshed takes what that one got. The functions need no `this`.
 */
export function tokenKeeper(options: TokenKeeperOptions): TokenKeeper {
  const { store = memoryStore(), timeoutMs = 10_000 } = options;
  const url = refreshUrl(options.url);
  const refresh = options.refresh ?? ((token) => postRefresh(url, token));
  let refreshing: Promise<string | null> | null = null;

  async function replace(stale: string | null, tries = 3): Promise<string | null> {
    const tokens = store.load();
    // Somebody was faster: another tab, or another connection before this one asked.
    const access = tokens?.access_token || null;
    if (tokens === null || (access !== null && access !== stale)) return access;
    // Whoever signed out or in meanwhile is left alone. What another tab saved may be seen late:
    // a server that forgives that gives both the same refresh token.
    const put = (fresh: Tokens | null) => {
      const kept = store.load()?.refresh_token;
      if (kept === undefined) return;
      if ([tokens.refresh_token, fresh?.refresh_token].includes(kept)) store.save(fresh);
    };
    try {
      // What comes too late is kept all the same: the old refresh token is used up.
      await within(timeoutMs, refresh(tokens.refresh_token).then((fresh) => put(checked(fresh))));
    } catch (fault) {
      if (!(fault instanceof SignedOutError)) throw fault;
      put(null);
    }
    const kept = store.load();
    // Another tab's refresh token, whose access token that tab keeps to itself.
    const isOthers = kept !== null && (kept.access_token ?? stale) === stale;
    return isOthers && tries > 1 ? replace(stale, tries - 1) : (kept?.access_token ?? null);
  }

  return {
    getToken: () => store.load()?.access_token || null,
    refreshToken(stale) {
      refreshing ??= withLock(`vestibule ${url}`, () => replace(stale)).finally(() => {
        refreshing = null;
      });
      return refreshing;
    },
    save: (tokens) => store.save(tokens),
    clear: () => store.save(null),
  };
}

/** The server's answer, or a fault that says nothing of what was sent. */
async function postRefresh(url: string, refreshToken: string): Promise<Tokens> {
  const request = fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: refreshToken }),
    cache: 'no-store',
  });
  const answer = await request.catch((fault: unknown) => {
    throw unreachable(fault);
  });
  // A page of some proxy is no answer of the server, whatever its status.
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok) return checked(body);
  const text = `The refresh was answered ${answer.status}`;
  if (FINAL.includes((body as { error?: string } | null)?.error ?? '')) {
    throw new SignedOutError(text);
  }
  const retryAfterMs = 1_000 * Number(answer.headers.get('retry-after'));
  throw Object.assign(new Error(text), { retryAfterMs });
}

/** Of all errors those that say something about the token, which stays as it is. */
const FINAL = ['invalid_token', 'account_locked'];

/** A refresh that hangs must not hold the lock of all tabs. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(unreachable(new Error('No token came in time'))), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Tells `textKey` that nothing was heard of the server. */
const unreachable = (fault: unknown): object =>
  Object.assign(Object(fault) as object, { isUnreachable: true });

function checked(value: unknown): Tokens {
  const tokens = asTokens(value);
  if (tokens === null) throw new TypeError('This is no token');
  return tokens;
}

function asTokens(value: unknown): Tokens | null {
  const { access_token, refresh_token } = (value ?? {}) as Partial<Tokens>;
  const isPair = typeof access_token === 'string' && typeof refresh_token === 'string';
  return isPair ? { access_token, refresh_token } : null;
}

function refreshUrl(server: string | URL): string {
  const { protocol, host, pathname } = absoluteUrl(server);
  const path = `${pathname.replace(/\/+$/, '')}/v1/auth/refresh`;
  return `${protocol.replace(/^ws/, 'http')}//${host}${path}`;
}
