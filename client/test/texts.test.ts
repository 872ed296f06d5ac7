// What users read: for every state and every cause one view, and no two that contradict each other.

import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { ENDED } from '../src/closes.js';
import { MACHINE, type CloseInfo, type State, type Status } from '../src/index.js';
import { statusText, textKey, TEXTS, viewOf, type TextKey } from '../src/texts.js';

const PROTOCOL = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const [, TABLE = ''] = PROTOCOL.split('| code | reason | label |');
const DOCUMENTED = [...TABLE.matchAll(/^\| (1\d{3}) \| (?:empty|`([^`]+)`) \|/gm)].map(
  ([, code, reason = '']) => ({ code: Number(code), reason }),
);
const OTHERS = [1005, 1006, 1008, 1012, 4000].map((code) => ({ code, reason: 'of tomorrow' }));
const CAUSES: (CloseInfo | null)[] = [null, ...Object.values(ENDED), ...DOCUMENTED, ...OTHERS];

const STATES = Object.keys(MACHINE) as State[];

/** Every state that a connection can be in, and some that it cannot. */
function every(state: State): Status[] {
  const isWaiting = state === 'reconnecting';
  return CAUSES.flatMap((close) =>
    [true, false].flatMap((unreachable) =>
      (state === 'authenticated' ? [true, false] : [false]).flatMap((reauthenticating) =>
        (isWaiting ? [0, 400, 11_500] : [null]).map((retryInMs) => {
          const status = { state, close, unreachable, reauthenticating, retryInMs };
          return { ...status, cause: null, announced: false };
        }),
      ),
    ),
  );
}
const status = (state: State, close: CloseInfo | null, more: Partial<Status> = {}): Status => ({
  state,
  close,
  cause: null,
  unreachable: false,
  reauthenticating: false,
  retryInMs: null,
  announced: false,
  ...more,
});

test('the causes are those of the protocol, and our own', () => {
  expect(DOCUMENTED.length).toBeGreaterThan(30);
  expect(Object.values(ENDED).length).toBe(10);
});

describe('no two texts contradict each other', () => {
  test('while connecting or reconnecting', () => {
    for (const state of ['connecting', 'reconnecting'] as const) {
      for (const it of every(state)) {
        const { key, text, wait, color, pending, help } = viewOf(it);
        const name = `${state} ${it.close?.reason} ${text}${wait}`;
        expect(text, name).not.toMatch(/^Connected|sign in|Disconnected/i);
        expect(['yellow', 'red'], name).toContain(color);
        expect(color === 'red', name).toBe(key === 'unreachable');
        expect(pending, name).toBe(TEXTS.waiting);
        expect(help, name).not.toBe('sign_in');
        expect(/offline/i.test(text), name).toBe(it.close?.reason === 'Offline');
        if (wait !== '') expect(text + wait, name).toMatch(/ in 12 s$/);
      }
    }
  });

  test('while authenticating and authenticated', () => {
    for (const it of [...every('authenticating'), ...every('authenticated')]) {
      const { key, text, wait, color, pending, help } = viewOf(it);
      const isLive = it.state === 'authenticated';
      const expected = it.reauthenticating ? 'reauthenticating' : it.state;
      expect([key, text, wait, help]).toEqual([expected, TEXTS[key], '', null]);
      expect(color).toBe(isLive && !it.reauthenticating ? 'green' : 'yellow');
      expect(pending).toBe(isLive ? TEXTS.sending : TEXTS.waiting);
    }
  });

  test('at the end', () => {
    for (const it of every('closed')) {
      const { text, wait, color, pending, help } = viewOf(it);
      expect(text, `${it.close?.reason}`).not.toMatch(/…$|offline|reconnecting|^Connected/i);
      expect([wait, color, pending]).toEqual(['', 'red', TEXTS.unsent]);
      expect(help === 'sign_in').toBe(/sign in|Authentication failed|somebody else/.test(text));
    }
  });
});

test('the text is green for nothing but a connection that lives', () => {
  for (const it of STATES.flatMap(every)) {
    const { color, text } = viewOf(it);
    expect(color === 'green').toBe(text === 'Connected');
  }
});

test('each cause has a text of its own kind', () => {
  const key = (code: number, reason: string, state: State = 'reconnecting') =>
    textKey(status(state, { code, reason }));
  expect(key(0, 'No token')).toBe('no_token');
  expect(key(0, 'Offline', 'connecting')).toBe('offline');
  expect(key(1006, '')).toBe('reconnecting');
  expect(key(1006, '', 'connecting')).toBe('connecting');
  expect(key(1001, 'Server shutting down')).toBe('restarting');
  expect(key(1013, 'Disconnected by operator')).toBe('reconnecting');
  expect(key(1013, 'Token not yet valid')).toBe('not_yet_valid');
  expect(key(1013, 'Server overloaded')).toBe('busy');
  expect(key(1008, 'Session revoked', 'closed')).toBe('revoked');
  expect(key(1008, 'Token expired')).toBe('refreshing');
  expect(key(1008, 'Token expired', 'closed')).toBe('expired');
  expect(key(1008, 'Invalid token', 'closed')).toBe('auth_failed');
  expect(key(1008, 'constructor', 'closed')).toBe('auth_failed');
  expect(key(1008, 'Of tomorrow', 'closed')).toBe('auth_failed');
});

test('a refresh that reached no server says so, and no other one', () => {
  const tokenless = (cause: unknown) => viewOf(status('reconnecting', ENDED.tokenless, { cause }));
  const lost = Object.assign(new TypeError('fetch failed'), { isUnreachable: true });
  expect(tokenless(lost)).toMatchObject({ key: 'unreachable', color: 'red' });
  expect(tokenless(new Error('The refresh was answered 503'))).toMatchObject({ key: 'no_token' });
});

test('nobody is offered to cut a wait short that the server has asked for', () => {
  const busy = { code: 1008, reason: 'Rate limit exceeded' };
  const help = (announced: boolean) =>
    viewOf(status('reconnecting', busy, { retryInMs: 60_000, announced })).help;
  expect([help(true), help(false)]).toEqual([null, 'connect']);
});

test('every row is used', () => {
  const used = new Set<TextKey>(STATES.flatMap(every).map(textKey));
  const others: TextKey[] = ['in_seconds', 'sending', 'waiting', 'unsent'];
  expect([...used, ...others].sort()).toEqual(Object.keys(TEXTS).sort());
});

test('a wait of a second or more is counted down', () => {
  const lost = { code: 1006, reason: '' };
  const text = (retryInMs: number) => statusText(status('reconnecting', lost, { retryInMs }));
  expect(text(11_001)).toBe('Connection lost. Reconnecting in 12 s');
  expect(text(1_000)).toBe('Connection lost. Reconnecting in 1 s');
  expect(text(999)).toBe('Connection lost. Reconnecting…');
  const left = viewOf(status('reconnecting', lost, { retryInMs: 11_001 }), TEXTS, 3_000);
  expect(left.text + left.wait).toBe('Connection lost. Reconnecting in 3 s');
});

test('a table in another language is used as it is', () => {
  const german = { ...TEXTS, reconnecting: 'Getrennt. Neuer Versuch…', in_seconds: ' in {} Sek.' };
  const lost = status('reconnecting', { code: 1006, reason: '' }, { retryInMs: 2_000 });
  expect(statusText(lost, german)).toBe('Getrennt. Neuer Versuch in 2 Sek.');
});

test('the texts of the contract are word for word', () => {
  expect(TEXTS.authenticating).toBe('Authenticating…');
  expect(TEXTS.auth_failed).toBe('Authentication failed. Please try again.');
  expect(TEXTS.refreshing).toBe('Session expired. Refreshing…');
  expect(TEXTS.reauthenticating).toBe('Refreshing connection…');
});
