// Where a connection gets its tokens: what the embedder's two functions answer, and in what time.

import { Timers } from './clock.js';
import { ENDED, isUsedUp, type CloseInfo } from './closes.js';
import { ChatError, SignedOutError } from './errors.js';
import type { ChatOptions, Token } from './types.js';

/** A token for an `auth`, or why there is none. `isFresh`: it comes from no cache. */
export interface Found {
  readonly token: string | null;
  readonly why: CloseInfo;
  readonly isFresh?: boolean;
}

const NONE: Found = { token: null, why: ENDED.signedOut };
const SIGNED_OUT: Found = { token: null, why: ENDED.signedOut };
const FAILED: Found = { token: null, why: ENDED.tokenless };

export class TokenSource {
  /** What asking threw last, until it succeeds. */
  fault: unknown = null;
  readonly #options: ChatOptions;
  readonly #report: (fault: ChatError) => void;
  readonly #deadlines = new Timers();
  #asked = 0;
  /** A token that the server called too old, or invalid, and with which word. */
  #refused: Found | null = null;
  /** From a refresh, for the next socket. */
  #kept: Found | null = null;
  #renewing: Promise<Found> | null = null;

  constructor(options: ChatOptions, report: (fault: ChatError) => void) {
    this.#options = options;
    this.#report = report;
  }

  /** For a new socket: what is kept for it, or what `getToken` has, unless that was refused. */
  async next(): Promise<Found> {
    const kept = this.#kept;
    this.#kept = null;
    const found = kept ?? (await this.#ask(this.#options.getToken));
    const isGood = found !== NONE && found.token !== this.#refused?.token;
    return isGood ? found : this.renew(found.token);
  }

  /** A newer one than this. However many ask, there is one request. */
  async renew(stale: string | null): Promise<Found> {
    const { getToken, refreshToken = getToken } = this.#options;
    const renewing = (this.#renewing ??= this.#ask(() => refreshToken(stale)));
    const found = await renewing;
    if (this.#renewing === renewing) this.#renewing = null;
    const { token } = found;
    if (token === null) return found;
    // The very token that was refused would be refused again.
    if (token === this.#refused?.token) return { token: null, why: this.#refused.why };
    return { ...found, isFresh: true };
  }

  keep(found: Found): void {
    this.#kept = found;
  }

  /** A socket with this token ended like this. */
  judge(token: string | null, why: CloseInfo | null): void {
    if (isUsedUp(why)) this.#refused = { token, why };
  }

  /** What was asked is of no interest any more, should it ever be answered. */
  stop(): void {
    this.fault = this.#renewing = this.#kept = null;
    this.#deadlines.clearAll();
  }

  /** Whatever is thrown is a fault that passes, but for the one that says otherwise. */
  async #ask(ask: () => Token | Promise<Token>): Promise<Found> {
    const name = `${this.#asked++}`;
    const { tokenTimeoutMs = 10_000 } = this.#options;
    try {
      const late = new Promise<never>((_, reject) => {
        const expire = () => reject(new Error('No token came in time'));
        this.#deadlines.set(name, tokenTimeoutMs, expire);
      });
      const token: unknown = (await Promise.race([late, ask()])) ?? null;
      if (token !== null && (typeof token !== 'string' || token === '')) {
        throw new TypeError('This is no token');
      }
      this.fault = null;
      return token === null ? NONE : { token, why: ENDED.asked };
    } catch (fault) {
      if (fault instanceof SignedOutError) return SIGNED_OUT;
      if (this.#deadlines.has(name)) {
        this.fault = fault;
        this.#report(new ChatError('token_unavailable', 'No token came', null, null, fault));
      }
      return FAILED;
    } finally {
      this.#deadlines.clear(name);
    }
  }
}
