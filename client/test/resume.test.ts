// Coming back: the last position goes with the next `auth`, and what was missed is shown once.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ChatStore } from '../src/chat-store.js';
import type { ResumedEvent } from '../src/index.js';
import {
  authenticated, authRequired, envelope, FakeSocket, pass, reopen, reset, settle,
} from './support.js';

const session = (position: string) => ({
  session: {
    user_id: 'alice',
    expires_at: '2031-01-01T00:15:00.000Z',
    reauth_at: '2031-01-01T00:14:00.000Z',
    ping_interval_ms: 30_000,
    resume: { position, window_ms: 120_000 },
  },
});
const chat = (id: string, content: string, position: string, user_id = 'bob') => ({
  ...envelope('chat_message', { content, user_id, position }),
  id,
});
const asked = () => FakeSocket.last.auths[0]?.payload.resume;

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

test('the first auth has no position, and the next one the last that came', async () => {
  const { chat: connection } = await authenticated();
  const events: ResumedEvent[] = [];
  connection.on('resumed', (event) => events.push(event));
  expect(asked()).toEqual({});
  FakeSocket.last.end(1006);
  await reopen();
  // This server does not support it.
  expect(asked()).toEqual({});
  FakeSocket.last.accept({ ...session('0.AAAA'), resumed: false });
  FakeSocket.last.end(1006);
  await reopen();
  expect(asked()).toEqual({ position: '0.AAAA' });
  FakeSocket.last.accept({ ...session('2.CCCC'), recipe_data: null, resumed: true, missed: 2 });
  FakeSocket.last.say(chat('m1', 'one', '1.BBBB'));
  FakeSocket.last.say(chat('m2', 'two', '2.CCCC'));
  void connection.send('mine');
  FakeSocket.last.say({
    ...envelope('recipe_update', { request_id: 'x', content: '', recipe_data: null }),
    payload: { request_id: 'x', content: '', recipe_data: null, position: '3.DDDD' },
  });
  FakeSocket.last.end(1006);
  await reopen();
  expect(asked()).toEqual({ position: '3.DDDD' });
  FakeSocket.last.accept({ ...session('9.EEEE'), resumed: false });
  expect(events).toEqual([
    { resumed: true, missed: 2 },
    { resumed: false, missed: 0 },
  ]);
});

test('the recipe and the lines stay, and what was missed is added once', async () => {
  const store = new ChatStore<{ title: string }>('soup', {
    url: 'wss://chat.example.com',
    getToken: () => 'token-1',
    WebSocket: FakeSocket,
  });
  store.hold();
  await settle();
  FakeSocket.last.open();
  FakeSocket.last.accept({ ...session('0.AAAA'), resumed: false });
  FakeSocket.last.say(chat('m1', 'one', '1.BBBB'));
  void store.send('mine');
  const mine = FakeSocket.last.chats[0]?.id ?? '';
  FakeSocket.last.end(1006);
  const socket = await reopen();
  socket.accept({ ...session('3.DDDD'), recipe_data: null, resumed: true, missed: 2 });
  socket.say(chat(mine, 'mine', '2.CCCC', 'alice'));
  socket.say(chat('m2', 'two', '3.DDDD'));
  expect(socket.contents).toEqual(['mine']);
  socket.answer(mine);
  const { messages, recipe } = store.snapshot();
  expect(messages.map((line) => line.content)).toEqual(['one', 'mine', 'two', 'Done.']);
  expect(recipe).toEqual({ title: 'Soup' });
});

describe('when to come back', () => {
  const away = (reconnect_after_ms: number) => envelope('going_away', { reconnect_after_ms });

  test('the slot that the server gave is for one attempt', async () => {
    const { chat: connection } = await authenticated();
    FakeSocket.last.say(away(12_345));
    FakeSocket.last.end(1001, 'Server shutting down');
    expect(connection.status).toMatchObject({ state: 'reconnecting', retryInMs: 12_345 });
    await pass(12_344);
    expect(FakeSocket.all.length).toBe(1);
    await pass(1);
    expect(FakeSocket.all.length).toBe(2);
    // The back-off begins only now.
    FakeSocket.last.end(1006);
    expect(connection.status.retryInMs).toBe(500);
  });

  test('if it fails there, the next one is within what the server said last', async () => {
    const { chat: connection } = await authenticated();
    const told = session('0.AAAA').session;
    FakeSocket.last.end(1006);
    await reopen();
    FakeSocket.last.accept({ session: { ...told, reconnect: { within_ms: 40_000 } } });
    await pass(10_000);
    FakeSocket.last.say(envelope('going_away', { reconnect_after_ms: 1_250, within_ms: 4_000 }));
    FakeSocket.last.end(1001, 'Server shutting down');
    for (const waitMs of [1_250, 2_000, 4_000]) {
      expect(connection.status.retryInMs).toBe(waitMs);
      await pass(waitMs);
      FakeSocket.last.end(1006);
    }
    await reopen();
    FakeSocket.last.accept({ session: { ...told, reconnect: { within_ms: 3_000 } } });
    await pass(10_000);
    FakeSocket.last.end(1006);
    expect(connection.status.retryInMs).toBe(1_500);
  });

  test('no time at all is a second: the back-off must grow', async () => {
    const { chat: connection } = await authenticated();
    const told = session('0.AAAA').session;
    for (const within_ms of [0, -5_000]) {
      FakeSocket.last.end(1006);
      await reopen();
      FakeSocket.last.accept({ session: { ...told, reconnect: { within_ms } } });
      await pass(10_000);
      FakeSocket.last.say(envelope('going_away', { reconnect_after_ms: -1, within_ms }));
      for (const waitMs of [500, 1_000, 2_000]) {
        FakeSocket.last.end(1006);
        expect(connection.status.retryInMs).toBe(waitMs);
        await pass(waitMs);
      }
    }
  });

  test('a re-authentication renews it', async () => {
    const { chat: connection } = await authenticated();
    const told = session('0.AAAA').session;
    FakeSocket.last.say(authRequired());
    await pass(0);
    FakeSocket.last.accept({ session: { ...told, reconnect: { within_ms: 6_000 } } });
    FakeSocket.last.end(1006);
    expect(connection.status.retryInMs).toBe(3_000);
  });

  test('a slot that has passed is none', async () => {
    const { chat: connection } = await authenticated();
    FakeSocket.last.say(away(0));
    FakeSocket.last.end(1001, 'Server shutting down');
    expect(connection.status.retryInMs).toBe(500);
  });

  test('without one, the first attempt is within what the acknowledgement said', async () => {
    const { chat: connection } = await authenticated();
    const told = session('0.AAAA').session;
    FakeSocket.last.end(1006);
    await reopen();
    FakeSocket.last.accept({ session: { ...told, reconnect: { within_ms: 40_000 } } });
    await pass(10_000);
    for (const waitMs of [20_000, 20_000]) {
      FakeSocket.last.end(1006);
      expect(connection.status.retryInMs).toBe(waitMs);
      await pass(waitMs);
    }
  });
});
