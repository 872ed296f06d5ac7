// Coming back: the last position goes with the next `auth`, and what was missed is shown once.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ChatStore } from '../src/chat-store.js';
import type { ResumedEvent } from '../src/index.js';
import { authenticated, envelope, FakeSocket, reopen, reset, settle } from './support.js';

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
