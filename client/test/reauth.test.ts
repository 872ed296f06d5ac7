import { inspect } from 'node:util';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { SignedOutError, type ReauthEvent } from '../src/index.js';
import {
  acknowledgement,
  authenticated,
  authenticating,
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

const auths = () => FakeSocket.last.auths;

describe('auth_required', () => {
  test('is answered without the user, on the same socket, by a new token and id', async () => {
    const it = await authenticated();
    const events: ReauthEvent[] = [];
    it.chat.on('reauth', (event) => events.push(event));
    FakeSocket.last.say(authRequired('session_age'));
    expect(it.chat.status).toMatchObject({ state: 'authenticated', reauthenticating: true });
    expect(it.key()).toBe('reauthenticating');
    await settle();
    expect(it.refreshToken).toHaveBeenCalledExactlyOnceWith('token-1');
    expect(auths().map((auth) => auth.payload.token)).toEqual(['token-1', 'token-2']);
    expect(new Set(auths().map((auth) => auth.id)).size).toBe(2);
    FakeSocket.last.accept({ recipe_data: null, session: { user_id: 'alice', expires_at: 'X' } });
    expect(it.chat.status).toMatchObject({ state: 'authenticated', reauthenticating: false });
    expect(events).toEqual([
      { reauthenticating: true, reason: 'session_age' },
      { reauthenticating: false, reason: 'session_age' },
    ]);
    expect(it.chat.session?.expires_at).toBe('X');
    expect(it.chat.recipe).toEqual({ title: 'Soup' });
    expect(FakeSocket.all.length).toBe(1);
    expect(new Set(it.statuses.slice(3).map((status) => status.state))).toEqual(
      new Set(['authenticated']),
    );
  });

  test('does not hold up chat in either direction', async () => {
    const it = await authenticated();
    FakeSocket.last.say(authRequired());
    const reply = it.chat.send('Meanwhile');
    expect(FakeSocket.last.contents).toEqual(['Meanwhile']);
    FakeSocket.last.answer(FakeSocket.last.chats[0]?.id ?? '', 'Heard.');
    expect((await reply).payload.content).toBe('Heard.');
    expect(it.chat.reauthenticating).toBe(true);
  });

  test('asked twice is answered once', async () => {
    const it = await authenticated();
    FakeSocket.last.say(authRequired());
    FakeSocket.last.say(authRequired('requested'));
    await settle();
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    expect(auths().length).toBe(2);
  });

  test('is asked and answered again later', async () => {
    const it = await authenticated();
    for (const token of ['token-2', 'token-3']) {
      FakeSocket.last.say(authRequired());
      await settle();
      expect(auths().at(-1)?.payload.token).toBe(token);
      FakeSocket.last.accept();
    }
    expect(it.refreshToken).toHaveBeenLastCalledWith('token-2');
  });

  test('without refreshToken is answered with what getToken has', async () => {
    await authenticated({ refreshToken: undefined });
    FakeSocket.last.say(authRequired());
    await settle();
    expect(auths().map((auth) => auth.payload.token)).toEqual(['token-1', 'token-1']);
    expect(new Set(auths().map((auth) => auth.id)).size).toBe(2);
  });

  test('is tried again while the network fails, with back-off', async () => {
    const it = await authenticated();
    it.refreshToken.mockRejectedValueOnce(new TypeError('fetch failed'));
    it.refreshToken.mockRejectedValueOnce(new Error('busy'));
    FakeSocket.last.say(authRequired());
    await pass(500);
    expect(it.refreshToken).toHaveBeenCalledTimes(2);
    await pass(1_000);
    expect(auths().map((auth) => auth.payload.token)).toEqual(['token-1', 'token-2']);
    expect(it.chat.state).toBe('authenticated');
  });

  test('with a refresh that is refused ends as closed: signed out', async () => {
    const it = await authenticated();
    it.refreshToken.mockRejectedValueOnce(new SignedOutError('refused'));
    FakeSocket.last.say(authRequired());
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'closed' });
    expect(it.key()).toBe('signed_out');
    expect(it.chat.reauthenticating).toBe(false);
    expect(FakeSocket.last.closedWith).toBe(1_000);
  });

  test('whose answer comes after the socket ended is sent on no other socket', async () => {
    const it = await authenticated();
    let refreshed: (token: string) => void = () => {};
    it.refreshToken.mockReturnValueOnce(new Promise((resolve) => (refreshed = resolve)));
    FakeSocket.last.say(authRequired());
    FakeSocket.last.end(1006);
    expect(it.chat.reauthenticating).toBe(false);
    const second = await reopen();
    refreshed('token-late');
    await settle();
    expect(second.auths.map((auth) => auth.payload.token)).toEqual(['token-1']);
  });

  test('counts its deadline by the difference of two times of the server', async () => {
    // The server's clock is years away from ours, and ours is set while it waits.
    const it = await authenticated();
    it.refreshToken.mockReturnValue(new Promise(() => {}));
    FakeSocket.last.say(authRequired('token_expiring', 20_000));
    vi.setSystemTime('1999-01-01');
    await pass(20_999);
    expect(it.chat.state).toBe('authenticated');
    await pass(1);
    expect(it.chat.status.state).toBe('reconnecting');
    expect(it.chat.status.close).toEqual({ code: 0, reason: 'Re-authentication timeout' });
  });

  test('once accepted has no deadline any more', async () => {
    const it = await authenticated();
    FakeSocket.last.say(authRequired());
    await settle();
    FakeSocket.last.accept();
    await pass(120_000);
    expect(it.chat.state).toBe('authenticated');
    expect(FakeSocket.all.length).toBe(1);
  });

  test('that timed out is no word against the token, where there is no other', async () => {
    const getToken = vi.fn(async () => 'token-1');
    const it = await authenticated({ getToken, refreshToken: undefined });
    FakeSocket.last.end(1008, 'Re-authentication timeout');
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.accept();
    expect(auths()[0]?.payload.token).toBe('token-1');
    expect(it.chat.state).toBe('authenticated');
  });

  test('with times that cannot be read has the usual 30 s', async () => {
    const it = await authenticated();
    it.refreshToken.mockReturnValue(new Promise(() => {}));
    const asked = authRequired();
    FakeSocket.last.say({ ...asked, timestamp: 'yesterday' });
    await pass(30_999);
    expect(it.chat.state).toBe('authenticated');
    await pass(1);
    expect(it.chat.state).toBe('reconnecting');
  });
});

describe('the first auth', () => {
  test('is the first message, and has the form of the protocol', async () => {
    await authenticating();
    const [auth] = FakeSocket.last.auths;
    expect(FakeSocket.last.frames.length).toBe(1);
    expect(auth).toMatchObject({ type: 'auth', payload: { token: 'token-1' } });
    expect(auth?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('has a new id on each socket, with the same token', async () => {
    await authenticated();
    const [first] = auths();
    FakeSocket.last.end(1006);
    await reopen();
    expect(auths()[0]?.payload.token).toBe(first?.payload.token);
    expect(auths()[0]?.id).not.toBe(first?.id);
  });

  test('is accepted by the answer to its own id only', async () => {
    const it = await authenticating();
    FakeSocket.last.say(acknowledgement('somebody else’s'));
    expect(it.chat.state).toBe('authenticating');
  });

  test('its acknowledgement brings session, recipe and history', async () => {
    const entry = { id: 'm', user_id: 'bob', content: 'Hi', timestamp: '', reply: null };
    const it = await authenticating();
    const messages = vi.fn();
    it.chat.on('message', messages);
    it.chat.on('state', () => expect(it.chat.session?.user_id).toBe('alice'));
    FakeSocket.last.accept({ history: [entry] });
    expect(it.chat.recipe).toEqual({ title: 'Soup' });
    expect(it.chat.history).toEqual([entry]);
    expect(messages).toHaveBeenCalledOnce();
    expect(messages.mock.calls[0]?.[0].payload.content).toBe('Welcome');
  });

  test('without a token asks for a refresh, and without that ends', async () => {
    const it = world({ getToken: () => null });
    it.chat.connect();
    await settle();
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
    const other = world({ getToken: () => null, refreshToken: undefined });
    other.chat.connect();
    await settle();
    expect(other.chat.status).toMatchObject({ state: 'closed' });
    expect(other.key()).toBe('signed_out');
  });

  test('backs off while getToken cannot reach its server', async () => {
    const getToken = vi.fn(() => Promise.resolve('token-1'));
    getToken.mockRejectedValueOnce(new TypeError('fetch failed'));
    const it = world({ getToken });
    it.chat.connect();
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'reconnecting' });
    expect(it.key()).toBe('no_token');
    await pass(500);
    expect(FakeSocket.all.length).toBe(1);
  });

  test('is not sent by an attempt that was given up while its token was awaited', async () => {
    let give: (token: string) => void = () => {};
    const it = world({ getToken: () => new Promise<string>((resolve) => (give = resolve)) });
    it.chat.connect();
    it.chat.close();
    give('token-1');
    await settle();
    expect(FakeSocket.all).toEqual([]);
  });
});

describe('Token expired', () => {
  test('is followed by a refresh, whose token is used although getToken lags', async () => {
    const it = await authenticated();
    FakeSocket.last.end(1008, 'Token expired');
    expect(it.chat.status).toMatchObject({ state: 'reconnecting' });
    expect(it.key()).toBe('refreshing');
    await settle();
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
    expect(it.getToken).toHaveBeenCalledTimes(1);
  });

  test('is followed by what getToken has, once the token of the refresh was used', async () => {
    const it = await authenticated();
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.accept();
    it.getToken.mockReturnValue('token-9');
    FakeSocket.last.end(1006);
    await reopen();
    expect(auths()[0]?.payload.token).toBe('token-9');
  });

  test('is not met again by a retry of the user, while getToken lags', async () => {
    const it = await authenticated();
    it.refreshToken.mockRejectedValueOnce(new TypeError('fetch failed'));
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    it.chat.connect();
    await settle();
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
  });

  test('and a refresh that comes after the end leave nothing for the next user', async () => {
    const it = await authenticated();
    let refreshed: (token: string) => void = () => {};
    it.refreshToken.mockReturnValueOnce(new Promise((resolve) => (refreshed = resolve)));
    FakeSocket.last.end(1008, 'Token expired');
    it.chat.close();
    refreshed('token-2');
    await settle();
    it.getToken.mockReturnValue('token-of-bob');
    it.chat.connect();
    await settle();
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-of-bob');
  });

  test('with nothing but the same token ends as closed: session expired', async () => {
    const getToken = vi.fn(async () => 'token-1');
    const it = await authenticated({ getToken, refreshToken: undefined });
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'closed' });
    expect(it.key()).toBe('expired');
    expect(getToken).toHaveBeenCalledTimes(2);
    it.chat.connect();
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'closed' });
    expect(it.key()).toBe('expired');
    expect(FakeSocket.all.length).toBe(1);
  });

  test('while a re-authentication refreshes makes no second request', async () => {
    const it = await authenticated();
    let refreshed: (token: string) => void = () => {};
    it.refreshToken.mockReturnValueOnce(new Promise((resolve) => (refreshed = resolve)));
    FakeSocket.last.say(authRequired());
    FakeSocket.last.end(1008, 'Re-authentication timeout');
    refreshed('token-2');
    await settle();
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
    FakeSocket.last.open();
    expect(auths()[0]?.payload.token).toBe('token-2');
  });
});

test('no token is in an address, an event, an error or what a console shows', async () => {
  const secret = 'secret-token';
  const logged = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
    vi.spyOn(console, name),
  );
  const shown: unknown[] = [];
  const it = await connecting({
    getToken: () => secret,
    refreshToken: async () => `${secret}-2`,
  });
  for (const name of ['state', 'message', 'error', 'reauth'] as const) {
    it.chat.on(name, (event) => shown.push(event));
  }
  FakeSocket.last.open();
  FakeSocket.last.accept();
  FakeSocket.last.sayRaw(secret);
  FakeSocket.last.say(authRequired());
  await settle();
  FakeSocket.last.end(1008, 'Token expired');
  await settle();
  it.chat.close();
  await it.chat.send('x').catch((fault: unknown) => shown.push(fault));
  shown.push(it.chat, FakeSocket.all.map((socket) => [socket.url, socket.protocols]));
  expect(inspect(shown, { depth: 20 })).not.toContain(secret);
  for (const log of logged) expect(log).not.toHaveBeenCalled();
});
