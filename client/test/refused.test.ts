// Tokens that the server refuses: which of them are worth another attempt.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import {
  authenticated,
  authenticating,
  authRequired,
  FakeSocket,
  pass,
  reopen,
  reset,
  settle,
} from './support.js';

const auths = () => FakeSocket.last.auths;

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

describe('Invalid token', () => {
  const close = { code: 1008, reason: 'Invalid token' };
  const isFinal = { state: 'closed', close };

  test('for a token from a cache is followed by one refresh, and then it is final', async () => {
    const it = await authenticating();
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject({ state: 'reconnecting' });
    expect(it.key()).toBe('refreshing');
    await settle();
    expect(it.refreshToken).toHaveBeenCalledExactlyOnceWith('token-1');
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
    expect(it.key()).toBe('auth_failed');
    await pass(600_000);
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('for a fresh token is final at once', async () => {
    const it = await authenticating({ getToken: () => null });
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
    expect(it.key()).toBe('auth_failed');
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
  });

  test('in a re-authentication is final, as its token was fresh', async () => {
    const it = await authenticated();
    FakeSocket.last.say(authRequired());
    await settle();
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
    expect(it.key()).toBe('auth_failed');
  });

  test('with nothing but the same token ends as that refusal', async () => {
    const getToken = vi.fn(async () => 'token-1');
    const it = await authenticating({ getToken, refreshToken: undefined });
    FakeSocket.last.end(1008, 'Invalid token');
    await settle();
    expect(it.chat.status).toMatchObject(isFinal);
    expect(it.key()).toBe('auth_failed');
    expect(FakeSocket.all.length).toBe(1);
    // Trying again changes nothing while there is no other token.
    it.chat.connect();
    await settle();
    expect(it.chat.status).toMatchObject(isFinal);
  });

  test('of a token that was good before is followed by a refresh again', async () => {
    const it = await authenticating();
    FakeSocket.last.end(1008, 'Invalid token');
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.accept();
    it.getToken.mockReturnValue('token-2');
    await pass(10_000);
    FakeSocket.last.end(1006);
    await reopen();
    FakeSocket.last.end(1008, 'Invalid token');
    await reopen();
    expect(it.refreshToken).toHaveBeenLastCalledWith('token-2');
    expect(auths()[0]?.payload.token).toBe('token-3');
  });
});

test('Token not yet valid: once more with the same token, then with a fresh one', async () => {
  const it = await authenticating();
  const sent = ['token-1'];
  for (let n = 0; n < 4; n++) {
    FakeSocket.last.end(1013, 'Token not yet valid');
    // The first refresh is made at once, and everything else waits.
    expect(it.chat.state).toBe('reconnecting');
    expect(it.chat.status.retryInMs === 0).toBe(n === 1);
    await reopen();
    const token = auths()[0]?.payload.token ?? '';
    it.getToken.mockReturnValue(token);
    sent.push(token);
  }
  expect(sent).toEqual(['token-1', 'token-1', 'token-2', 'token-2', 'token-3']);
});
