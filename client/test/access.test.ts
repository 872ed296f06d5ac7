// Access tokens in memory: tabs share the refresh token alone. And storage without room.

import { beforeEach, expect, test, vi } from 'vitest';

import { localStorageStore, refreshTokenStore, tokenKeeper, type Tokens } from '../src/tokens.js';

const KEY = 'vestibule.tokens';
const pair = (n: number): Tokens => ({
  access_token: `access-${n}`,
  refresh_token: `refresh-${n}`,
});
const next = async (token: string) => pair(Number(token.slice(-1)) + 1);
const open = (refresh = next) =>
  tokenKeeper({ url: 'wss://chat.example.com', store: refreshTokenStore(), refresh });
/** As another tab does. */
const saveElsewhere = (n: number) =>
  localStorage.setItem(KEY, JSON.stringify({ ...pair(n), access_token: '' }));

beforeEach(() => {
  const items = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  });
  vi.stubGlobal('BroadcastChannel', undefined);
});

test('each tab gets its own access token, and all stay signed in', async () => {
  const [one, other] = [open(), open()];
  one.save(pair(1));
  expect(localStorage.getItem(KEY)).not.toContain('access-');
  expect([one.getToken(), other.getToken()]).toEqual(['access-1', null]);
  expect(await one.refreshToken('access-1')).toBe('access-2');
  expect(await other.refreshToken(null)).toBe('access-3');
  // Who asks for a newer one than it has not any more is given what there is.
  expect(await one.refreshToken('access-1')).toBe('access-2');
  other.clear();
  expect([one.getToken(), await one.refreshToken('access-2')]).toEqual([null, null]);
});

test('a tab that sees late what another one saved stays signed in', async () => {
  // The other was faster: the server gave it the same successor, or a newer one since.
  for (const [successor, expected] of [[2, 'access-2'], [3, 'access-4']] as const) {
    saveElsewhere(1);
    const keep = open(async (token) => {
      if (token === 'refresh-1') saveElsewhere(successor);
      return next(token);
    });
    expect(await keep.refreshToken(null)).toBe(expected);
  }
});

test('where the storage is full, tokens that are used up do not come back', () => {
  const store = localStorageStore();
  store.save(pair(1));
  vi.spyOn(localStorage, 'setItem').mockImplementation(() => {
    throw new DOMException('no', 'QuotaExceededError');
  });
  store.save(pair(2));
  expect(store.load()).toEqual(pair(2));
  expect(localStorageStore().load()).toBe(null);
});
