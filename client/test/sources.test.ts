// Where tokens come from: what is final, what passes, and what never answers.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { SignedOutError } from '../src/index.js';
import { memoryStore, tokenKeeper } from '../src/tokens.js';
import {
  authenticated,
  authRequired,
  connecting,
  FakeSocket,
  pass,
  reopen,
  reset,
  settle,
  world,
} from './support.js';

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

class AxiosError extends Error {
  readonly isAxiosError = true;
}
const never = () => new Promise<never>(() => {});

/** What people's functions throw, or answer. Each of it passes. */
const PASSING: Record<string, () => unknown> = {
  'no network': () => Promise.reject(new TypeError('Failed to fetch')),
  'axios without a network': () => Promise.reject(new AxiosError('Network Error')),
  'a time-out of theirs': () => Promise.reject(new DOMException('timed out', 'TimeoutError')),
  'a 503': () => Promise.reject(new Error('Request failed with status code 503')),
  'HTML in place of JSON': async () => JSON.parse('<html>'),
  'a fault of theirs': () => (undefined as unknown as { token: string }).token,
  'a string that is thrown': () => Promise.reject('no'),
  'undefined that is thrown': () => Promise.reject(undefined),
  'no string': async () => ({ access_token: 'x' }),
  'an empty string': async () => '',
};
const FINAL: Record<string, () => unknown> = {
  null: () => null,
  undefined: async () => undefined,
  SignedOutError: () => Promise.reject(new SignedOutError('signed out')),
};

for (const [name, source] of Object.entries(PASSING)) {
  describe(`${name} passes`, () => {
    test('in getToken, at the start', async () => {
      const getToken = vi.fn(() => 'token-1');
      getToken.mockImplementationOnce(source as never);
      const it = world({ getToken });
      it.chat.connect();
      await settle();
      expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: 500 });
      expect(it.chat.status.close).toEqual({ code: 0, reason: 'No token' });
      expect(it.key()).toBe('no_token');
      expect(it.errors).toMatchObject([{ code: 'token_unavailable', requestId: null }]);
      expect(it.chat.status.cause).toBe(it.errors[0]?.cause);
      await pass(500);
      FakeSocket.last.open();
      FakeSocket.last.accept();
      expect(it.chat.status).toMatchObject({ state: 'authenticated', cause: null });
    });

    test('in a refresh after an end', async () => {
      const it = await authenticated();
      it.refreshToken.mockImplementationOnce(source as never);
      FakeSocket.last.end(1008, 'Token expired');
      await settle();
      expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: 1_000 });
      expect(it.key()).toBe('no_token');
      expect(it.errors).toMatchObject([{ code: 'token_unavailable' }]);
      await pass(1_000);
      FakeSocket.last.open();
      expect(FakeSocket.last.auths[0]?.payload.token).toBe('token-2');
    });

    test('in a re-authentication, while chat goes on', async () => {
      const it = await authenticated();
      it.refreshToken.mockImplementationOnce(source as never);
      FakeSocket.last.say(authRequired());
      await settle();
      expect(it.chat.status).toMatchObject({ state: 'authenticated', reauthenticating: true });
      expect(it.chat.status.cause).toBe(it.errors[0]?.cause);
      await pass(500);
      expect(FakeSocket.last.auths[1]?.payload.token).toBe('token-2');
    });
  });
}

for (const [name, source] of Object.entries(FINAL)) {
  describe(`${name} is final`, () => {
    const expired = { state: 'closed', close: { code: 0, reason: 'Signed out' } };

    test('in a refresh after an end', async () => {
      const it = await authenticated();
      it.refreshToken.mockImplementationOnce(source as never);
      FakeSocket.last.end(1008, 'Token expired');
      await settle();
      expect(it.chat.status).toMatchObject(expired);
      expect(it.errors).toEqual([]);
    });

    test('in a re-authentication', async () => {
      const it = await authenticated();
      it.refreshToken.mockImplementationOnce(source as never);
      FakeSocket.last.say(authRequired());
      await settle();
      expect(it.chat.status).toMatchObject(expired);
    });

    test('in getToken, where there is no refreshToken', async () => {
      const it = world({ getToken: source as never, refreshToken: undefined });
      it.chat.connect();
      await settle();
      expect(it.chat.status).toMatchObject(expired);
    });
  });
}

test('SignedOutError of getToken is final, although there is a refreshToken', async () => {
  const it = world({ getToken: () => Promise.reject(new SignedOutError()) });
  it.chat.connect();
  await settle();
  expect(it.chat.state).toBe('closed');
  expect(it.refreshToken).not.toHaveBeenCalled();
});

describe('a promise that never settles', () => {
  test('of getToken is given up after 10 s', async () => {
    const getToken = vi.fn(() => 'token-1' as string | Promise<string>);
    getToken.mockImplementationOnce(never);
    const it = world({ getToken });
    it.chat.connect();
    await pass(9_999);
    expect(it.chat.state).toBe('connecting');
    await pass(1);
    expect(it.key()).toBe('no_token');
    expect(it.chat.status.cause).toEqual(new Error('No token came in time'));
    await pass(500);
    expect(FakeSocket.all.length).toBe(1);
  });

  test('of refreshToken is given up after the option’s time', async () => {
    const it = await authenticated({ tokenTimeoutMs: 2_000 });
    it.refreshToken.mockImplementationOnce(never);
    FakeSocket.last.end(1008, 'Token expired');
    await pass(2_000);
    expect(it.key()).toBe('no_token');
    await reopen();
    expect(it.refreshToken).toHaveBeenCalledTimes(2);
  });

  test('in a re-authentication is asked again before the deadline', async () => {
    const it = await authenticated();
    it.refreshToken.mockImplementationOnce(never);
    FakeSocket.last.say(authRequired());
    await pass(10_500);
    expect(FakeSocket.last.auths[1]?.payload.token).toBe('token-2');
    FakeSocket.last.accept();
    expect(it.chat.status).toMatchObject({ reauthenticating: false, cause: null });
  });

  test('blocks nothing after close', async () => {
    const it = await authenticated();
    it.refreshToken.mockImplementationOnce(never);
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    it.chat.close();
    expect(vi.getTimerCount()).toBe(0);
    it.getToken.mockReturnValue(null as never);
    it.chat.connect();
    await settle();
    FakeSocket.last.open();
    expect(FakeSocket.last.auths[0]?.payload.token).toBe('token-2');
    await pass(20_000);
    expect(it.errors).toEqual([]);
  });
});

describe('a wait', () => {
  test('before the first refresh after an outage is none', async () => {
    const it = await authenticated();
    FakeSocket.last.end(1006);
    for (let n = 0; n < 6; n++) {
      await pass(30_000);
      FakeSocket.last.end(1006);
    }
    await reopen();
    FakeSocket.last.end(1008, 'Token expired');
    expect(it.chat.status.retryInMs).toBe(0);
    await settle();
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    expect(FakeSocket.last.closedWith).toBeUndefined();
  });

  test('that is thrown is kept, whoever comes back', async () => {
    const it = await authenticated();
    const busy = Object.assign(new Error('busy'), { retryAfterMs: 45_000 });
    it.refreshToken.mockRejectedValueOnce(busy);
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    expect(it.chat.status).toMatchObject({ retryInMs: 45_000, cause: busy });
    await pass(44_999);
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    await pass(1);
    expect(it.refreshToken).toHaveBeenCalledTimes(2);
  });

  test('that the server announces is kept by a keeper’s refresh, too', async () => {
    vi.stubGlobal('navigator', {});
    vi.stubGlobal('BroadcastChannel', undefined);
    const headers = { 'retry-after': '30' };
    vi.stubGlobal('fetch', async () => new Response('{}', { status: 503, headers }));
    const tokens = { access_token: 'access-1', refresh_token: 'refresh-1' };
    const store = memoryStore(tokens);
    const keep = tokenKeeper({ url: 'wss://chat.example.com', store });
    const it = await authenticated({ ...keep });
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    expect(it.key()).toBe('no_token');
    expect(it.chat.status.retryInMs).toBe(30_000);
    expect(store.load()).toEqual(tokens);
  });

  test('has the limits of the options', async () => {
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    const it = await connecting({ minRetryMs: 100, maxRetryMs: 350 });
    const waits: number[] = [];
    for (let n = 0; n < 4; n++) {
      FakeSocket.last.end(1006);
      waits.push(Math.round(it.chat.status.retryInMs ?? 0));
      await pass(400);
    }
    expect(waits).toEqual([100, 200, 350, 350]);
  });

  test('is what a policy says, but no less than what the server does', async () => {
    const retryDelay = vi.fn((attempt: number) => 7_000 + attempt);
    const it = await connecting({ retryDelay });
    FakeSocket.last.end(1011, 'Internal error');
    expect(it.chat.status.retryInMs).toBe(7_000);
    expect(retryDelay).toHaveBeenCalledExactlyOnceWith(0, { code: 1011, reason: 'Internal error' });
    await pass(7_000);
    FakeSocket.last.end(1008, 'Rate limit exceeded');
    expect(it.chat.status.retryInMs).toBe(65_000);
  });
});

test('a policy or a debug function that fails is told, and does no harm', async () => {
  const uncaught = vi.fn();
  vi.stubGlobal('queueMicrotask', (task: () => void) => {
    try {
      task();
    } catch (fault) {
      uncaught(fault);
    }
  });
  const fault = new Error('a mistake of theirs');
  const fail = () => {
    throw fault;
  };
  const debug = vi.fn(fail);
  const it = await connecting({ debug, retryDelay: fail });
  expect(uncaught).toHaveBeenLastCalledWith(fault);
  FakeSocket.last.end(1006);
  expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: 500 });
  const other = await connecting({ retryDelay: () => NaN });
  FakeSocket.last.end(1006);
  expect(other.chat.status.retryInMs).toBe(500);
});

test('debug is told each step, and no token', async () => {
  const debug = vi.fn();
  const it = await authenticated({ debug });
  it.refreshToken.mockRejectedValueOnce(new Error('busy'));
  FakeSocket.last.say(authRequired());
  await settle();
  it.chat.close();
  const steps = ['connect', 'open', 'acknowledged', 'auth_required', 'tokenless', 'close'];
  expect(debug.mock.calls.map(([event]) => event)).toEqual(steps);
  expect(debug.mock.calls[4]?.[1]).toMatchObject({ cause: new Error('busy') });
  expect(JSON.stringify(debug.mock.calls)).not.toContain('token-');
});
