// Why a connection ended, and what follows: the close table of the protocol as data.

import type { Event } from './machine.js';

/**
 * What to do after an end.
 *
 * - `no`: it would end the same way again.
 * - `back_off`: connect again after a random part of 1 s, 2 s, 4 s … 30 s.
 * - `refresh`: the same, with a new token.
 * - `refresh_once`: the same, unless the token was new already; then `no`.
 * - `minute`: connect again after a minute.
 */
export type Advice = 'no' | 'back_off' | 'refresh' | 'refresh_once' | 'minute';

/** Why a connection ended. */
export interface CloseInfo {
  /** The close code; 0 where this client decided, 1006 where the network did. */
  readonly code: number;
  /** The close reason of the protocol, or one of `ENDED`. */
  readonly reason: string;
}

const own = (reason: string): CloseInfo => ({ code: 0, reason });

/** What this client ends a connection for by itself. */
export const ENDED = {
  unstarted: own('Not started'),
  asked: own('Closed'),
  signedOut: own('Signed out'),
  authTimeout: own('Authentication timeout'),
  reauthTimeout: own('Re-authentication timeout'),
  unopened: own('Connection timeout'),
  silent: own('No answer'),
  unsupported: own('No WebSocket'),
  tokenless: own('No token'),
  offline: own('Offline'),
} as const;

/** The network ended it. */
export const LOST: CloseInfo = { code: 1006, reason: '' };

const ANY = '';

/** By code, then by reason; the empty reason stands for all that are not named. */
export const CLOSES: Readonly<Record<number, Readonly<Record<string, Advice>>>> = {
  0: { 'Re-authentication timeout': 'refresh' },
  1000: { [ANY]: 'no' },
  1002: { [ANY]: 'no' },
  1003: { [ANY]: 'no' },
  1007: { [ANY]: 'no' },
  1008: {
    'Authentication timeout': 'back_off',
    'Ping timeout': 'back_off',
    'Invalid token': 'refresh_once',
    'Token expired': 'refresh',
    'Connection limit exceeded': 'minute',
    'Re-authentication timeout': 'refresh',
    'Too many auth attempts': 'minute',
    'Rate limit exceeded': 'minute',
    // A newer server's reason, too: a violation of policy is not helped by trying again.
    [ANY]: 'no',
  },
  1009: { [ANY]: 'no' },
};

/** Codes that are not in the table, 1006 first among them, are the network's or a proxy's doing. */
export function adviceFor({ code, reason }: CloseInfo): Advice {
  const rows = CLOSES[code] ?? {};
  return (Object.hasOwn(rows, reason) ? rows[reason] : rows[ANY]) ?? 'back_off';
}

/** Is the token not to be sent again? */
export const isUsedUp = (close: CloseInfo | null): close is CloseInfo =>
  close?.reason === 'Token expired' || close?.reason === 'Invalid token';

/** A message may be the cause, or no message will be taken: then none is kept for another try. */
export const isOurFault = (close: CloseInfo | null): boolean =>
  /^100[2-79]|denied$|messages$/.test(`${close?.code} ${close?.reason}`);

const EVENT_AFTER: Readonly<Record<Advice, Event>> = {
  no: 'refused',
  back_off: 'lost',
  refresh: 'stale',
  refresh_once: 'stale',
  minute: 'limited',
};

/** What an end means to the state. `isFresh`: its token was new, and comes from no cache. */
export function eventAfter(close: CloseInfo, isFresh: boolean): Event {
  const advice = adviceFor(close);
  return advice === 'refresh_once' && isFresh ? 'refused' : EVENT_AFTER[advice];
}
