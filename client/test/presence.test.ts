// Who is in the room: asked for by an option, told by an event and by the store's snapshot.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ChatStore } from '../src/chat-store.js';
import { authenticated, envelope, FakeSocket, reopen, reset, settle } from './support.js';

const presence = (users: string[] | null, connections = users?.length ?? 100) =>
  envelope('presence', { users, connections });

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

test('the server is asked only where the option is set', async () => {
  await authenticated();
  expect(FakeSocket.last.auths[0]?.payload).not.toHaveProperty('presence');
  await authenticated({ presence: true });
  expect(FakeSocket.last.auths[0]?.payload).toMatchObject({ token: 'token-1', presence: true });
});

test('an event tells who is there', async () => {
  const { chat, errors } = await authenticated({ presence: true });
  const told: unknown[] = [];
  chat.on('presence', (payload) => told.push(payload));
  FakeSocket.last.say(presence(['alice', 'bob'], 3));
  FakeSocket.last.say(presence(null));
  expect(told).toEqual([
    { users: ['alice', 'bob'], connections: 3 },
    { users: null, connections: 100 },
  ]);
  expect(errors).toEqual([]);
});

test('the snapshot has who is there, and nobody while it is not connected', async () => {
  const store = new ChatStore('soup', {
    url: 'wss://chat.example.com',
    getToken: () => 'token-1',
    WebSocket: FakeSocket,
    presence: true,
  });
  store.hold();
  await settle();
  const enter = (socket: FakeSocket) => {
    socket.accept();
    expect(store.snapshot()).toMatchObject({ state: 'authenticated', present: null });
    socket.say(presence(['alice', 'bob']));
    expect(store.snapshot().present).toEqual(['alice', 'bob']);
  };
  FakeSocket.last.open();
  enter(FakeSocket.last);
  FakeSocket.last.end(1006);
  expect(store.snapshot()).toMatchObject({ state: 'reconnecting', present: null });
  enter(await reopen());
});
