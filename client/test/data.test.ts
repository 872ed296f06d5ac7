// An embedder's own object beside the text of a message.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ChatConnection, type Said } from '../src/index.js';
import { sessionOutbox } from '../src/storage.js';
import { recipeChat } from '../src/svelte.js';
import { FakeSocket, reset, settle, stubStorage } from './support.js';

interface Step {
  step: number;
}

const OPTIONS = {
  url: 'wss://chat.example.com',
  getToken: () => 'token-1',
  WebSocket: FakeSocket,
};

async function open(options: object = {}) {
  const all = { ...OPTIONS, recipeId: 'soup', ...options };
  const chat = new ChatConnection<{ title: string }, Step>(all);
  chat.connect();
  await settle();
  FakeSocket.last.open();
  FakeSocket.last.accept();
  return chat;
}

const from = (data: unknown, id = 'm') => ({
  type: 'chat_message',
  id,
  timestamp: '',
  payload: { content: 'Stir', user_id: 'bob', data },
});

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

test('data is sent as it is at that moment, and heard with its type', async () => {
  const chat = await open();
  const data = { step: 2 };
  void chat.send('Stir', data);
  void chat.send('Stir');
  data.step = 3;
  const payloads = FakeSocket.last.chats.map(({ payload }) => payload);
  expect(payloads).toEqual([{ content: 'Stir', data: { step: 2 } }, { content: 'Stir' }]);
  const steps: (number | undefined)[] = [];
  chat.on('message', ({ type, payload }) => {
    if (type === 'chat_message') steps.push((payload as Said<Step>['payload']).data?.step);
  });
  FakeSocket.last.say(from({ step: 7 }));
  expect(steps).toEqual([7]);
});

test('data outlives a reload with its message', async () => {
  stubStorage();
  const chat = await open({ outbox: sessionOutbox() });
  void chat.send('Stir', { step: 2 });
  const before = FakeSocket.last.frames[1];
  await open({ outbox: sessionOutbox() });
  expect(FakeSocket.last.frames[1]).toBe(before);
});

test('data that is no JSON, or makes the message too large, is refused here', async () => {
  const chat = await open();
  const round: { step: number; self?: unknown } = { step: 1 };
  round.self = round;
  const large = { step: 1, text: 'x'.repeat(65_536) };
  for (const data of [round, { step: 1n as unknown as number }, large]) {
    await expect(chat.send('Stir', data)).rejects.toMatchObject({ code: 'invalid_content' });
  }
  expect(FakeSocket.last.chats).toEqual([]);
});

test('data of others that is no object is no message of the protocol', async () => {
  const chat = await open();
  const codes: string[] = [];
  chat.on('error', ({ code }) => codes.push(code));
  for (const data of [null, [], 7]) FakeSocket.last.say(from(data));
  expect(codes).toEqual(['unreadable', 'unreadable', 'unreadable']);
});

test('lines have the data', async () => {
  const chat = recipeChat<unknown, Step>('soup', OPTIONS);
  const seen: (Step | null)[][] = [];
  const off = chat.subscribe(({ messages }) => seen.push(messages.map((line) => line.data)));
  await settle();
  FakeSocket.last.open();
  FakeSocket.last.accept();
  void chat.send('Stir', { step: 2 });
  FakeSocket.last.say(from({ step: 7 }));
  FakeSocket.last.say(from(undefined, 'n'));
  expect(seen.at(-1)).toEqual([{ step: 2 }, { step: 7 }, null]);
  off();
});
