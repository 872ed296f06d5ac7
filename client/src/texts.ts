// What users read about a connection: every text in one table, and one function that says which of
// them holds. A page that shows nothing else about the connection does not contradict itself.

import type { CloseInfo } from './closes.js';
import type { State } from './machine.js';
import type { Status } from './types.js';

/** The rows of the table of texts. */
export type TextKey = keyof typeof TEXTS;

/** A table like `TEXTS` in another language. */
export type Texts = Readonly<Record<TextKey, string>>;

/** What users read, in English. While it waits, `in_seconds` stands in place of the last `…`. */
export const TEXTS = {
  connecting: 'Connecting…',
  authenticating: 'Authenticating…',
  authenticated: 'Connected',
  reauthenticating: 'Refreshing connection…',
  reconnecting: 'Connection lost. Reconnecting…',
  offline: 'You are offline',
  unreachable: 'The server cannot be reached. Trying again…',
  refreshing: 'Session expired. Refreshing…',
  signed_out: 'You are signed out. Please sign in again.',
  no_token: 'Your session could not be refreshed. Trying again…',
  not_yet_valid: 'Your session is not valid yet. Trying again…',
  restarting: 'The server is restarting. Reconnecting…',
  no_answer: 'The server does not answer. Reconnecting…',
  busy: 'The server is busy. Reconnecting…',
  not_ready: 'The server is not ready. Reconnecting…',
  slow: 'The connection is too slow. Reconnecting…',
  full: 'This recipe is open in too many places. Reconnecting…',
  fault: 'The server had a fault. Reconnecting…',
  too_fast: 'Too many requests. Reconnecting…',
  too_many_connections: 'Open in too many places. Reconnecting…',
  disconnected: 'Disconnected',
  auth_failed: 'Authentication failed. Please try again.',
  expired: 'Session expired. Please sign in again.',
  other_user: 'Signed in as somebody else. Please reload the page.',
  revoked: 'You were signed out. Please sign in again.',
  denied: 'This recipe was not found, or you have no access to it.',
  too_large: 'A message was too long. Please shorten it and try again.',
  broken: 'Something went wrong. Please reload the page.',
  in_seconds: ' in {} s',
  sending: 'Sending…',
  waiting: 'Waiting for the connection',
  unsent: 'Not sent',
} as const;

/** By code, then by reason; the empty reason stands for all that are not named. */
const KEYS: Readonly<Record<number, Readonly<Record<string, TextKey>>>> = {
  0: {
    'Not started': 'disconnected',
    Closed: 'disconnected',
    'Signed out': 'signed_out',
    'Authentication timeout': 'no_answer',
    'Re-authentication timeout': 'refreshing',
    'Connection timeout': 'no_answer',
    'No answer': 'no_answer',
    'No WebSocket': 'broken',
    'No token': 'no_token',
    Offline: 'offline',
  },
  1000: { '': 'disconnected' },
  1001: { '': 'restarting' },
  1002: { '': 'broken' },
  1003: { '': 'broken' },
  1007: { '': 'broken' },
  1008: {
    'Authentication timeout': 'no_answer',
    'Ping timeout': 'reconnecting',
    'Invalid token': 'refreshing',
    'Token expired': 'refreshing',
    'Connection limit exceeded': 'too_many_connections',
    'Recipe not found or access denied': 'denied',
    'Re-authentication timeout': 'refreshing',
    'Subject changed': 'other_user',
    'Session revoked': 'revoked',
    'Too many auth attempts': 'too_fast',
    'Too many invalid messages': 'broken',
    'Rate limit exceeded': 'too_fast',
    '': 'auth_failed',
  },
  1009: { '': 'too_large' },
  1011: { '': 'fault' },
  1013: {
    'Keys unavailable': 'not_ready',
    'Backend unavailable': 'not_ready',
    'Disconnected by operator': 'reconnecting',
    'Token not yet valid': 'not_yet_valid',
    'Room full': 'full',
    'Slow consumer': 'slow',
    '': 'busy',
  },
};

/** What no further attempt helps against. */
const FINAL: readonly TextKey[] = [
  'disconnected',
  'auth_failed',
  'expired',
  'signed_out',
  'other_user',
  'revoked',
  'denied',
  'too_large',
  'broken',
];

function causeOf({ code, reason }: CloseInfo): TextKey {
  const rows = KEYS[code] ?? {};
  return (Object.hasOwn(rows, reason) ? rows[reason] : rows['']) ?? 'reconnecting';
}

/** The row that says how things stand. While something is out of reach, one text stays. */
export function textKey(status: Status): TextKey {
  const { state, reauthenticating, close } = status;
  // A refresh needs no socket to find out.
  const { isUnreachable } = Object(status.cause) as { isUnreachable?: unknown };
  const unreachable = status.unreachable || isUnreachable === true;
  if (state === 'authenticated') return reauthenticating ? 'reauthenticating' : state;
  if (state === 'authenticating') return state;
  const cause = close === null ? 'reconnecting' : causeOf(close);
  const isFinal = FINAL.includes(cause);
  if (state === 'closed') {
    const refused = close?.reason === 'Invalid token' ? 'auth_failed' : 'expired';
    if (cause === 'refreshing') return refused;
    return isFinal ? cause : 'disconnected';
  }
  if (isFinal || close === null) return unreachable ? 'unreachable' : state;
  const isVague = cause === 'reconnecting' || cause === 'no_answer';
  if (unreachable && (isVague || (cause === 'no_token' && isUnreachable))) return 'unreachable';
  return state === 'connecting' && cause !== 'offline' ? state : cause;
}

/** What a page shows about a connection. */
export interface StatusView {
  readonly key: TextKey;
  /** How things stand. With `wait` behind it, it is a sentence. */
  readonly text: string;
  /** The countdown, such as ` in 12 s`; empty where there is none. */
  readonly wait: string;
  readonly color: 'green' | 'yellow' | 'red';
  /** What to say of a message that has no answer yet. */
  readonly pending: string;
  /** What the user can do: connect now, sign in, or nothing. */
  readonly help: 'connect' | 'sign_in' | null;
}

const COLORS: Readonly<Record<State, StatusView['color']>> = {
  connecting: 'yellow',
  authenticating: 'yellow',
  authenticated: 'green',
  reconnecting: 'yellow',
  closed: 'red',
};
const SIGN_IN: readonly TextKey[] = [
  'expired',
  'signed_out',
  'revoked',
  'auth_failed',
  'other_user',
];

/** All that is to be said about a status. `leftMs`: of its wait, for a countdown. */
export function viewOf(
  status: Status,
  texts: Texts = TEXTS,
  leftMs: number = status.retryInMs ?? 0,
): StatusView {
  const { state, reauthenticating } = status;
  const key = textKey(status);
  const whole = texts[key];
  const isCounted = state === 'reconnecting' && leftMs >= 1_000 && whole.endsWith('…');
  const isClosed = state === 'closed';
  const pending = state === 'authenticated' ? 'sending' : isClosed ? 'unsent' : 'waiting';
  const isStuck = isClosed || state === 'reconnecting' || key === 'unreachable';
  const canConnect = isStuck && !status.announced;
  return {
    key,
    text: isCounted ? whole.slice(0, -1) : whole,
    wait: isCounted ? texts.in_seconds.replace('{}', `${Math.ceil(leftMs / 1_000)}`) : '',
    color: key === 'unreachable' ? 'red' : reauthenticating ? 'yellow' : COLORS[state],
    pending: texts[pending],
    help: isClosed && SIGN_IN.includes(key) ? 'sign_in' : canConnect ? 'connect' : null,
  };
}

/** One line about a status. */
export function statusText(status: Status, texts: Texts = TEXTS): string {
  const { text, wait } = viewOf(status, texts);
  return text + wait;
}
