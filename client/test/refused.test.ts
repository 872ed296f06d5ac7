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
  const isFinal = { state: 'closed', text: 'auth_failed', close };

  test('for a token from a cache is followed by one refresh, and then it is final', async () => {
    const it = await authenticating();
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject({ state: 'reconnecting', text: 'refreshing' });
    await settle();
    expect(it.refreshToken).toHaveBeenCalledExactlyOnceWith('token-1');
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
    await pass(600_000);
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('for a fresh token is final at once', async () => {
    const it = await authenticating({ getToken: () => null });
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
  });

  test('in a re-authentication is final, as its token was fresh', async () => {
    const it = await authenticated();
    FakeSocket.last.say(authRequired());
    await settle();
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.status).toMatchObject(isFinal);
  });

  test('with nothing but the same token ends as closed: session expired', async () => {
    const getToken = vi.fn(async () => 'token-1');
    const it = await authenticating({ getToken, refreshToken: undefined });
    FakeSocket.last.end(1008, 'Invalid token');
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'closed', text: 'expired' });
    expect(FakeSocket.all.length).toBe(1);
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

test('Token not yet valid backs off: once with the same token, then with a fresh one', async () => {
  const it = await authenticating();
  const sent = ['token-1'];
  for (let n = 0; n < 4; n++) {
    FakeSocket.last.end(1013, 'Token not yet valid');
    expect(it.chat.state).toBe('reconnecting');
    expect(it.chat.status.retryInMs).toBeGreaterThan(0);
    await reopen();
    const token = auths()[0]?.payload.token ?? '';
    it.getToken.mockReturnValue(token);
    sent.push(token);
  }
  expect(sent).toEqual(['token-1', 'token-1', 'token-2', 'token-2', 'token-3']);
});
