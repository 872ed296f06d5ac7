// Tokens: one refresh however many ask, in all tabs.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { SignedOutError } from '../src/index.js';
import { withLock } from '../src/lock.js';
import { textKey } from '../src/texts.js';
import { localStorageStore, memoryStore, tokenKeeper } from '../src/tokens.js';
import type { TokenKeeper, Tokens, TokenStore } from '../src/tokens.js';
import { authenticated, FakeSocket, pass, reopen, reset, settle } from './support.js';

const pair = (n: number): Tokens => ({
  access_token: `access-${n}`,
  refresh_token: `refresh-${n}`,
});
/** Of Node's event loop, whatever time it is. */
const realTurn = globalThis.setImmediate;
const URL_OF_SERVER = 'wss://chat.example.com';

/** A server's refresh tokens: each works once, and one used twice ends them all. */
class Family {
  current = 1;
  requests = 0;
  isRevoked = false;

  refresh = async (refreshToken: string): Promise<Tokens> => {
    this.requests++;
    await new Promise((resolve) => setTimeout(resolve, 200));
    this.isRevoked ||= refreshToken !== `refresh-${this.current}`;
    if (this.isRevoked) throw new SignedOutError('refused');
    return pair(++this.current);
  };
}

/** Web Locks, as far as they are used: one queue a name. */
function webLocks() {
  const tails = new Map<string, Promise<unknown>>();
  const request = vi.fn(<T>(name: string, work: () => Promise<T>): Promise<T> => {
    const turn = (tails.get(name) ?? Promise.resolve()).then(work);
    tails.set(name, turn.catch(() => {}));
    return turn;
  });
  return { request };
}

/** All channels of a name hear each other, some time later, and never themselves. */
class FakeChannel {
  static open = new Set<FakeChannel>();
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    FakeChannel.open.add(this);
  }

  postMessage(data: unknown): void {
    const others = [...FakeChannel.open].filter((c) => c !== this && c.name === this.name);
    setTimeout(() => {
      for (const other of others) if (FakeChannel.open.has(other)) other.onmessage?.({ data });
    }, 5);
  }

  close(): void {
    FakeChannel.open.delete(this);
  }
}

function storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** Tabs have nothing in common but what the browser shares: storage, locks, channels. */
function tabs(count: number, family: Family): TokenKeeper[] {
  const keepers = Array.from({ length: count }, () => {
    const options = { url: URL_OF_SERVER, store: localStorageStore(), refresh: family.refresh };
    return tokenKeeper(options);
  });
  keepers[0]?.save(pair(1));
  return keepers;
}

beforeEach(() => {
  reset();
  FakeChannel.open.clear();
  vi.mocked(Math.random).mockRestore();
  vi.stubGlobal('localStorage', storage());
});
afterEach(() => vi.restoreAllMocks());

const SHARED = {
  'Web Locks': () => vi.stubGlobal('navigator', { locks: webLocks() }),
  'channels, where there are no Web Locks': () => {
    vi.stubGlobal('navigator', {});
    vi.stubGlobal('BroadcastChannel', FakeChannel);
  },
  'channels, where Web Locks are forbidden': () => {
    const request = () => Promise.reject(new DOMException('In a sandbox', 'SecurityError'));
    vi.stubGlobal('navigator', { locks: { request } });
    vi.stubGlobal('BroadcastChannel', FakeChannel);
  },
};

for (const [name, share] of Object.entries(SHARED)) {
  describe(`with ${name}`, () => {
    beforeEach(() => void share());

    test('many askers in many tabs make one request, and all get its token', async () => {
      const family = new Family();
      const answers = tabs(4, family).flatMap((tab) =>
        Array.from({ length: 3 }, () => tab.refreshToken('access-1')),
      );
      await pass(10_000);
      expect(await Promise.all(answers)).toEqual(Array(12).fill('access-2'));
      expect(family).toMatchObject({ requests: 1, isRevoked: false });
      expect(FakeChannel.open.size).toBe(0);
    });

    test('a tab that asks later for the same old token gets the new one at once', async () => {
      const family = new Family();
      const [one, two] = tabs(2, family);
      void one?.refreshToken('access-1');
      await pass(1_000);
      const answer = two?.refreshToken('access-1');
      await pass(1_000);
      expect(await answer).toBe('access-2');
      expect(family.requests).toBe(1);
    });

    test('a token that is old again is refreshed again', async () => {
      const family = new Family();
      const [one, two] = tabs(2, family);
      void one?.refreshToken('access-1');
      await pass(1_000);
      const answer = two?.refreshToken('access-2');
      await pass(1_000);
      expect(await answer).toBe('access-3');
      expect(family).toMatchObject({ requests: 2, isRevoked: false });
    });

    test('a refresh that hangs holds the others up for 10 s, and not for ever', async () => {
      const hanging = tokenKeeper({
        url: URL_OF_SERVER,
        store: localStorageStore(),
        refresh: () => new Promise<never>(() => {}),
      });
      const family = new Family();
      const [other] = tabs(1, family);
      const stuck = hanging.refreshToken('access-1').catch((fault: unknown) => fault);
      await pass(500);
      const answer = other?.refreshToken('access-1');
      await pass(12_000);
      expect(await stuck).toMatchObject({ message: 'No token came in time', isUnreachable: true });
      expect(await answer).toBe('access-2');
    });
  });
}

test('a tab that died while it held the lock of a channel does not keep it', async () => {
  SHARED['channels, where there are no Web Locks']();
  void withLock('lock', () => new Promise(() => {}));
  await pass(500);
  const work = vi.fn(async () => 'done');
  const answer = withLock('lock', work);
  await pass(5_000);
  expect(work).not.toHaveBeenCalled();
  // The first to open is the first tab's.
  for (const channel of FakeChannel.open) {
    channel.close();
    break;
  }
  await pass(2_000);
  expect(await answer).toBe('done');
});

test('of channels that claim at the same time one works at a time', async () => {
  SHARED['channels, where there are no Web Locks']();
  let running = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running--;
  };
  const all = Array.from({ length: 6 }, () => withLock('lock', work));
  await pass(30_000);
  await Promise.all(all);
  expect(most).toBe(1);
});

test('channels as they are let one work at a time, too', async () => {
  vi.stubGlobal('navigator', {});
  // A real channel takes no virtual time; what was said is heard before that goes on.
  const sent = vi.spyOn(BroadcastChannel.prototype, 'postMessage');
  const witness = new BroadcastChannel('real lock');
  let heard = 0;
  witness.onmessage = () => void heard++;
  let running = 0;
  const most: number[] = [];
  const work = async () => {
    most.push(++running);
    await new Promise((resolve) => setTimeout(resolve, 20));
    running--;
  };
  const both = Promise.all([withLock('real lock', work), withLock('real lock', work)]);
  for (let n = 0; most.length < 2 || running > 0; n++) {
    do await new Promise((resolve) => realTurn(resolve));
    while (heard < sent.mock.calls.length);
    if (n % 2 === 1) await pass(10);
  }
  await both;
  witness.close();
  expect(most).toEqual([1, 1]);
});

test('where there is nothing to share, work is simply done, and its fault is told', async () => {
  vi.stubGlobal('navigator', undefined);
  vi.stubGlobal('BroadcastChannel', undefined);
  expect(await withLock('lock', async () => 1)).toBe(1);
  await expect(withLock('lock', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  vi.stubGlobal('navigator', { locks: webLocks() });
  await expect(withLock('lock', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

test('where there is nothing to share, many askers still make one request', async () => {
  vi.stubGlobal('navigator', undefined);
  vi.stubGlobal('BroadcastChannel', undefined);
  const family = new Family();
  const [keep] = tabs(1, family);
  const answers = [1, 2, 3].map(() => keep?.refreshToken('access-1'));
  await pass(1_000);
  expect(await Promise.all(answers)).toEqual(Array(3).fill('access-2'));
  expect(family.requests).toBe(1);
});

describe('the default refresh', () => {
  const answerWith = (status: number, body: unknown) => {
    const fetch = vi.fn(async () => new Response(JSON.stringify(body), { status }));
    vi.stubGlobal('fetch', fetch);
    return fetch;
  };
  const keeper = (store: TokenStore) => tokenKeeper({ url: `${URL_OF_SERVER}/base/`, store });
  beforeEach(() => void vi.stubGlobal('navigator', { locks: webLocks() }));

  test('posts the refresh token in the body, and keeps what comes back', async () => {
    const fetch = answerWith(200, { ...pair(2), more: 1 });
    const store = memoryStore(pair(1));
    expect(await keeper(store).refreshToken('access-1')).toBe('access-2');
    expect(store.load()).toEqual(pair(2));
    expect(fetch).toHaveBeenCalledExactlyOnceWith(
      'https://chat.example.com/base/v1/auth/refresh',
      expect.objectContaining({ method: 'POST', body: '{"refresh_token":"refresh-1"}' }),
    );
  });

  for (const [status, error] of [[401, 'invalid_token'], [403, 'account_locked']] as const) {
    test(`${status} ${error} ends the session, and the tokens are forgotten`, async () => {
      answerWith(status, { error, message: 'No' });
      const store = memoryStore(pair(1));
      expect(await keeper(store).refreshToken('access-1')).toBe(null);
      expect(store.load()).toBe(null);
    });
  }

  const passing = [
    [401, '<html>'],
    [403, { error: 'origin_not_allowed' }],
    [404, { error: 'not_found' }],
    [429, {}],
    [500, null],
    [503, { error: 'at_capacity' }],
    [200, '<html>'],
    [200, { access_token: 'access-2' }],
  ] as const;
  for (const [status, body] of passing) {
    test(`${status} ${JSON.stringify(body)} passes, and the tokens are kept`, async () => {
      answerWith(status, body);
      const store = memoryStore(pair(1));
      await expect(keeper(store).refreshToken('access-1')).rejects.toThrow();
      expect(store.load()).toEqual(pair(1));
    });
  }

  test('without a network it passes, too', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')));
    const store = memoryStore(pair(1));
    await expect(keeper(store).refreshToken('access-1')).rejects.toBeInstanceOf(TypeError);
    expect(store.load()).toEqual(pair(1));
  });

  test('without tokens there is nothing to refresh', async () => {
    const fetch = answerWith(200, pair(2));
    const keep = keeper(memoryStore());
    expect(keep.getToken()).toBe(null);
    expect(await keep.refreshToken(null)).toBe(null);
    expect(fetch).not.toHaveBeenCalled();
  });
});

test('an answer that comes too late is kept: the old refresh token is used up', async () => {
  let answer: (tokens: Tokens) => void = () => {};
  const refresh = () => new Promise<Tokens>((resolve) => (answer = resolve));
  const store = memoryStore(pair(1));
  const keep = tokenKeeper({ url: URL_OF_SERVER, store, refresh, timeoutMs: 1_000 });
  vi.stubGlobal('navigator', { locks: webLocks() });
  const late = keep.refreshToken('access-1').catch((fault: unknown) => fault);
  await pass(1_000);
  expect(await late).toMatchObject({ message: 'No token came in time' });
  answer(pair(2));
  await settle();
  expect(await keep.refreshToken('access-1')).toBe('access-2');
});

test('who signs out while a refresh runs stays signed out', async () => {
  vi.stubGlobal('navigator', { locks: webLocks() });
  const family = new Family();
  const [keep] = tabs(1, family);
  const answer = keep?.refreshToken('access-1');
  await pass(100);
  keep?.clear();
  await pass(1_000);
  expect(await answer).toBe(null);
  expect(keep?.getToken()).toBe(null);
});

test('where the browser allows no storage, it is memory', () => {
  const forbidden = () => {
    throw new DOMException('no', 'SecurityError');
  };
  for (const broken of [undefined, { getItem: forbidden, setItem: forbidden }]) {
    vi.stubGlobal('localStorage', broken);
    const store = localStorageStore();
    expect(store.load()).toBe(null);
    store.save(pair(1));
    expect(store.load()).toEqual(pair(1));
    store.save(null);
    expect(store.load()).toBe(null);
  }
});

test('what somebody else keeps under our key is no token', () => {
  for (const text of ['', '1', 'null', '{"access_token":1}', '{']) {
    localStorage.setItem('vestibule.tokens', text);
    expect(localStorageStore().load()).toBe(null);
  }
});

describe('a connection and a keeper', () => {
  test('three connections whose token expired together make one request', async () => {
    vi.stubGlobal('navigator', { locks: webLocks() });
    const family = new Family();
    const [keep] = tabs(1, family);
    const sockets: FakeSocket[] = [];
    for (let n = 0; n < 3; n++) {
      await authenticated({ ...keep });
      sockets.push(FakeSocket.last);
    }
    for (const socket of sockets) socket.end(1008, 'Token expired');
    await pass(1_000);
    for (const socket of FakeSocket.all.slice(3)) socket.open();
    const tokens = FakeSocket.all.slice(3).map((socket) => socket.auths[0]?.payload.token);
    expect(tokens).toEqual(['access-2', 'access-2', 'access-2']);
    expect(family.requests).toBe(1);
  });

  test('a refused refresh ends as closed: signed out', async () => {
    vi.stubGlobal('navigator', { locks: webLocks() });
    const family = new Family();
    family.isRevoked = true;
    const [keep] = tabs(1, family);
    const { chat } = await authenticated({ ...keep });
    FakeSocket.last.end(1008, 'Re-authentication timeout');
    expect(textKey(chat.status)).toBe('refreshing');
    await pass(1_000);
    expect(textKey(chat.status)).toBe('signed_out');
    expect(chat.status.close).toEqual({ code: 0, reason: 'Signed out' });
    // After signing in again it goes on.
    keep?.save(pair(7));
    chat.connect();
    await settle();
    FakeSocket.last.open();
    expect(FakeSocket.last.auths[0]?.payload.token).toBe('access-7');
  });

  test('a token that is expired right after its refresh is not refreshed in a loop', async () => {
    vi.stubGlobal('navigator', { locks: webLocks() });
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const family = new Family();
    const [keep] = tabs(1, family);
    await authenticated({ ...keep });
    FakeSocket.last.end(1008, 'Token expired');
    for (let n = 0; n < 5; n++) (await reopen()).end(1008, 'Token expired');
    await pass(5_000);
    expect(family.requests).toBe(5);
  });
});
