// Messages without an answer outlive their connection, for their user and nobody else.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ChatOptions, OutboxStore } from '../src/index.js';
import { memoryOutbox, sessionOutbox } from '../src/storage.js';
import {
  acknowledgement,
  authenticated,
  connecting,
  FakeSocket,
  pass,
  refusal,
  reopen,
  reset,
  settle,
  stubStorage,
  world,
  type World,
} from './support.js';

const ROOM = 'wss://chat.example.com/v1/chat/soup';

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

/** The next connection, authenticated as this user. */
async function arrive(user: string, options: Partial<ChatOptions>): Promise<World> {
  const it = await connecting(options);
  FakeSocket.last.open();
  FakeSocket.last.accept(sessionOf(user));
  return it;
}

const sessionOf = (user_id: string) => ({
  session: { user_id, expires_at: '', reauth_at: '', ping_interval_ms: 30_000 },
});
const ids = (socket: FakeSocket) => socket.chats.map(({ id }) => id);
/** The codes of all errors, once promises have settled. */
async function codes(it: World): Promise<string[]> {
  await settle();
  return it.errors.map(({ code }) => code);
}

describe('what has no answer', () => {
  test('is sent by the next connection, same ids, same order', async () => {
    const outbox = memoryOutbox();
    const before = await arrive('alice', { outbox });
    for (const content of ['one', 'two', 'three']) void before.chat.send(content);
    const first = FakeSocket.last;
    first.answer(first.chats[0]?.id ?? '');
    before.chat.close();
    expect([await codes(before), outbox.size]).toEqual([['kept', 'kept'], 2]);
    const after = await connecting({ outbox });
    void after.chat.send('four');
    FakeSocket.last.open();
    FakeSocket.last.accept();
    const [one, two, three] = ids(first);
    expect(one).toBeDefined();
    expect(ids(FakeSocket.last).slice(0, 2)).toEqual([two, three]);
    expect(FakeSocket.last.contents).toEqual(['two', 'three', 'four']);
    expect(after.chat.unsent.map(({ message }) => message.id)).toEqual(ids(FakeSocket.last));
    for (const id of ids(FakeSocket.last)) FakeSocket.last.answer(id);
    expect([after.chat.unsent, outbox.size]).toEqual([[], 0]);
  });

  test('is sent after a session expired and the user signed in', async () => {
    const outbox = memoryOutbox();
    const tokens: (string | null)[] = ['token-1'];
    const getToken = () => tokens.at(-1) ?? null;
    const it = await arrive('alice', { outbox, getToken, refreshToken: getToken });
    const socket = FakeSocket.last;
    void it.chat.send('said while it expired');
    tokens.push(null);
    socket.end(1008, 'Token expired');
    await settle();
    expect([it.chat.state, await codes(it)]).toEqual(['closed', ['kept']]);
    tokens.push('token-2');
    it.chat.connect();
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.accept();
    expect(FakeSocket.last.frames.slice(1)).toEqual(socket.frames.slice(1));
  });

  test('is not sent as somebody else, and waits for its user', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('of alice');
    it.chat.close();
    const other = await arrive('bob', { outbox });
    expect(FakeSocket.last.contents).toEqual([]);
    void other.chat.send('of bob');
    expect(FakeSocket.last.contents).toEqual(['of bob']);
    other.chat.close();
    await arrive('alice', { outbox });
    expect(FakeSocket.last.contents).toEqual(['of alice']);
  });

  test('is not sent if the user changes on the way', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('of alice');
    FakeSocket.last.end(1006);
    (await reopen()).accept(sessionOf('bob'));
    expect(FakeSocket.last.contents).toEqual([]);
    expect([await codes(it), it.chat.unsent, outbox.size]).toEqual([['kept'], [], 1]);
  });

  test('is kept for the one that the embedder names', async () => {
    const outbox = memoryOutbox();
    const it = await connecting({ outbox, userId: 'alice' });
    void it.chat.send('before the first acknowledgement');
    it.chat.close();
    expect(await codes(it)).toEqual(['kept']);
    await arrive('bob', { outbox, userId: 'alice' });
    expect(FakeSocket.last.contents).toEqual([]);
    const again = await connecting({ outbox, userId: 'alice' });
    expect(again.chat.unsent.length).toBe(1);
    FakeSocket.last.open();
    FakeSocket.last.accept();
    expect(FakeSocket.last.contents).toEqual(['before the first acknowledgement']);
  });

  test('is not kept while nobody knows whose it is', async () => {
    const outbox = memoryOutbox();
    const it = await connecting({ outbox });
    void it.chat.send('whose?');
    it.chat.close();
    expect([await codes(it), outbox.size]).toEqual([['closed'], 0]);
  });

  test('belongs to its room', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('in the soup');
    it.chat.close();
    await arrive('alice', { outbox, recipeId: 'stew' });
    expect(FakeSocket.last.contents).toEqual([]);
  });

  test('is not sent again after nine minutes, and that is told', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('sent');
    FakeSocket.last.end(1006);
    void it.chat.send('not sent');
    it.chat.close();
    await pass(9 * 60_000 + 1);
    const after = await arrive('alice', { outbox });
    expect(FakeSocket.last.contents).toEqual(['not sent']);
    expect([await codes(after), outbox.size]).toEqual([['outcome_unknown'], 1]);
  });

  test('is told when it is refused later', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('one');
    it.chat.close();
    const after = await arrive('alice', { outbox });
    const [id = ''] = ids(FakeSocket.last);
    FakeSocket.last.say(refusal('rate_limited', id, 100));
    expect(after.errors).toMatchObject([{ code: 'rate_limited', requestId: id }]);
    expect(outbox.size).toBe(0);
  });

  for (const [code, reason] of [
    [1009, 'Message too big'],
    [1008, 'Too many invalid messages'],
    [1008, 'Recipe not found or access denied'],
  ] as const) {
    test(`is given up where it would be refused again: ${reason}`, async () => {
      const outbox = memoryOutbox();
      const it = await arrive('alice', { outbox });
      void it.chat.send('one');
      FakeSocket.last.end(code, reason);
      expect([await codes(it), outbox.size]).toEqual([['closed'], 0]);
    });
  }

  test('is sent although a store of the embedder throws', async () => {
    vi.stubGlobal('queueMicrotask', () => {});
    const fail = () => {
      throw new Error('a store of somebody');
    };
    const outbox: OutboxStore = { load: fail, put: fail, remove: fail };
    const it = await arrive('alice', { outbox });
    void it.chat.send('one');
    expect(FakeSocket.last.contents).toEqual(['one']);
    it.chat.close();
    expect(await codes(it)).toEqual(['closed']);
  });
});

describe('sessionOutbox', () => {
  test('brings it back after a reload, as it was', async () => {
    stubStorage();
    const it = await arrive('alice', { outbox: sessionOutbox() });
    void it.chat.send('sent');
    const socket = FakeSocket.last;
    socket.end(1006);
    void it.chat.send('not sent');
    // A page that is reloaded closes nothing.
    await arrive('alice', { outbox: sessionOutbox() });
    expect(FakeSocket.last.contents).toEqual(['sent', 'not sent']);
    expect(FakeSocket.last.frames[1]).toBe(socket.frames[1]);
    for (const id of ids(FakeSocket.last)) FakeSocket.last.answer(id);
    expect(sessionStorage.getItem('vestibule.outbox')).toBe(null);
  });

  test('knows after a reload what was sent too long ago', async () => {
    stubStorage();
    const it = await arrive('alice', { outbox: sessionOutbox() });
    void it.chat.send('sent');
    await pass(9 * 60_000 + 1);
    FakeSocket.all = [];
    const after = await arrive('alice', { outbox: sessionOutbox() });
    expect([FakeSocket.last.contents, await codes(after)]).toEqual([[], ['outcome_unknown']]);
  });

  for (const fault of ['denied', 'full'] as const) {
    test(`is memory where the storage is ${fault}`, async () => {
      const items = stubStorage(fault);
      items.set('vestibule.outbox', '[]');
      const outbox = sessionOutbox();
      const it = await arrive('alice', { outbox });
      void it.chat.send('one');
      it.chat.close();
      expect(await codes(it)).toEqual(['kept']);
      // What cannot be brought up to date is not there to be sent once more.
      expect(items.has('vestibule.outbox')).toBe(fault === 'denied');
      await arrive('alice', { outbox });
      expect(FakeSocket.last.contents).toEqual(['one']);
    });
  }

  test('passes over what is not its own', () => {
    const items = stubStorage();
    const message = { type: 'chat_message', id: 'm', timestamp: '', payload: { content: 'one' } };
    const good = { room: ROOM, user: 'alice', unsent: { message, sentAt: 0 } };
    const bad = { ...good, unsent: { message: { ...message, payload: null }, sentAt: 0 } };
    const of = (text: string) => {
      items.set('vestibule.outbox', text);
      return sessionOutbox().load(ROOM, 'alice');
    };
    for (const text of ['{', 'null', '7', '[7,[1,2],["a"],["b",{}]]']) expect(of(text)).toEqual([]);
    expect(of(JSON.stringify([['a', bad], ['b', good]]))).toEqual([good.unsent]);
  });
});

describe('memoryOutbox', () => {
  const unsent = (id: string, content: string) => ({
    message: { type: 'chat_message' as const, id, timestamp: '', payload: { content } },
    sentAt: 0,
  });

  test('keeps the newest 256 messages', () => {
    const outbox = memoryOutbox();
    for (let n = 0; n < 300; n++) outbox.put(ROOM, 'alice', unsent(`${n}`, 'one'));
    expect(outbox.size).toBe(256);
    expect(outbox.load(ROOM, 'alice')[0]?.message.id).toBe('44');
    outbox.clear();
    expect(outbox.load(ROOM, 'alice')).toEqual([]);
  });

  test('keeps 512 KiB, however often a message is replaced', () => {
    const outbox = memoryOutbox();
    for (let n = 0; n < 100; n++) outbox.put(ROOM, 'alice', unsent('same', 'é'.repeat(16_384)));
    expect(outbox.size).toBe(1);
    for (let n = 0; n < 100; n++) outbox.put(ROOM, 'alice', unsent(`${n}`, 'é'.repeat(16_384)));
    expect(outbox.size).toBe(15);
  });

  test('a message that is not kept is sent, and rejected as closed', async () => {
    const outbox = memoryOutbox();
    const it = await arrive('alice', { outbox });
    void it.chat.send('one');
    expect(FakeSocket.last.contents).toEqual(['one']);
    outbox.clear();
    it.chat.close();
    expect(await codes(it)).toEqual(['closed']);
  });
});

test('a repeated acknowledgement of the same user changes nothing', async () => {
  const outbox = memoryOutbox();
  const it = await authenticated({ outbox });
  void it.chat.send('one');
  FakeSocket.last.say(acknowledgement(FakeSocket.last.auths[0]?.id ?? ''));
  expect([it.chat.unsent.length, FakeSocket.last.contents, world().chat.unsent]).toEqual([
    1,
    ['one'],
    [],
  ]);
});
