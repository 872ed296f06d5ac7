// Why a connection ended, and what follows: the close table of the protocol as data.

import type { Event, State } from './machine.js';
import type { TextKey } from './texts.js';

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

/** What this client ends a connection for by itself. */
export const ENDED = {
  unstarted: { code: 0, reason: 'Not started' },
  asked: { code: 0, reason: 'Closed' },
  expired: { code: 0, reason: 'Session expired' },
  authTimeout: { code: 0, reason: 'Authentication timeout' },
  reauthTimeout: { code: 0, reason: 'Re-authentication timeout' },
  unopened: { code: 0, reason: 'Connection timeout' },
  silent: { code: 0, reason: 'No answer' },
  unsupported: { code: 0, reason: 'No WebSocket' },
  unreachable: { code: 0, reason: 'Refresh failed' },
} as const satisfies Record<string, CloseInfo>;

/** Advice and text of one reason. */
export type CloseRow = readonly [advice: Advice, text: TextKey];

const ANY = '';
const BROKEN: CloseRow = ['no', 'broken'];
const FAILED: CloseRow = ['no', 'auth_failed'];
const LOST: CloseRow = ['back_off', 'reconnecting'];
const REFRESH: CloseRow = ['refresh', 'refreshing'];

/** By code, then by reason; the empty reason stands for all that are not named. */
export const CLOSES: Readonly<Record<number, Readonly<Record<string, CloseRow>>>> = {
  0: {
    'Not started': ['no', 'disconnected'],
    Closed: ['no', 'disconnected'],
    'Session expired': ['no', 'expired'],
    'Authentication timeout': ['back_off', 'no_answer'],
    'Re-authentication timeout': REFRESH,
    'Connection timeout': ['back_off', 'no_answer'],
    'No answer': ['back_off', 'no_answer'],
    'No WebSocket': BROKEN,
    'Refresh failed': LOST,
  },
  1000: { [ANY]: ['no', 'disconnected'] },
  1001: { [ANY]: ['back_off', 'restarting'] },
  1002: { [ANY]: BROKEN },
  1003: { [ANY]: BROKEN },
  1007: { [ANY]: BROKEN },
  1008: {
    'Authentication timeout': ['back_off', 'no_answer'],
    'Ping timeout': LOST,
    'First message must be auth': FAILED,
    'Invalid auth message format': FAILED,
    'Missing auth token': FAILED,
    'Invalid token': ['refresh_once', 'refreshing'],
    'Token expired': REFRESH,
    'Invalid token payload': FAILED,
    'Auth message replayed': FAILED,
    'Connection limit exceeded': ['minute', 'too_many_connections'],
    'Recipe not found or access denied': ['no', 'denied'],
    'Re-authentication timeout': REFRESH,
    'Subject changed': ['no', 'other_user'],
    'Session revoked': ['no', 'revoked'],
    'Too many auth attempts': ['minute', 'too_fast'],
    'Too many invalid messages': BROKEN,
    'Rate limit exceeded': ['minute', 'too_fast'],
    // A newer server's reason: a violation of policy is not helped by trying again.
    [ANY]: FAILED,
  },
  1009: { [ANY]: ['no', 'too_large'] },
  1011: { [ANY]: ['back_off', 'fault'] },
  1013: { [ANY]: ['back_off', 'busy'] },
};

/** Codes that are not in the table, 1006 first among them, are the network's or a proxy's doing. */
export function closeRow({ code, reason }: CloseInfo): CloseRow {
  const rows = CLOSES[code] ?? {};
  return (Object.hasOwn(rows, reason) ? rows[reason] : rows[ANY]) ?? LOST;
}

/** Is the token not to be sent again? */
export const isUsedUp = (close: CloseInfo | null): boolean =>
  close?.reason === 'Token expired' || close?.reason === 'Invalid token';

const EVENT_AFTER: Readonly<Record<Advice, Event>> = {
  no: 'refused',
  back_off: 'lost',
  refresh: 'stale',
  refresh_once: 'stale',
  minute: 'limited',
};

/** What an end means to the state. `isFresh`: its token was new, and comes from no cache. */
export function eventAfter(close: CloseInfo, isFresh: boolean): Event {
  const [advice] = closeRow(close);
  return advice === 'refresh_once' && isFresh ? 'refused' : EVENT_AFTER[advice];
}

/** While a server is out of reach one text stays, whatever is tried in between. */
export function textOf(
  state: State,
  reauthenticating: boolean,
  close: CloseInfo | null,
  isGone: boolean,
): TextKey {
  if (isGone && state === 'connecting') return 'unreachable';
  if (state === 'reconnecting' || state === 'closed') {
    const text = closeRow(close ?? ENDED.asked)[1];
    if (state === 'closed' && text === 'refreshing') return 'auth_failed';
    const isVague = text === 'reconnecting' || text === 'no_answer';
    return isGone && isVague ? 'unreachable' : text;
  }
  return reauthenticating ? 'reauthenticating' : state;
}
