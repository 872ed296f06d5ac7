import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ChatError } from '../src/index.js';
import {
  acknowledgement,
  authenticated,
  authenticating,
  connecting,
  FakeSocket,
  pass,
  refusal,
  reopen,
  reset,
  settle,
  world,
} from './support.js';

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

/** What becomes of a promise: its value or its error's code; `pending` if nothing did yet. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const code = (fault: ChatError) => fault.code;
  return Promise.race([promise.catch(code), settle().then(() => 'pending')]);
}

test('what is said before the acknowledgement is sent after it, once and in order', async () => {
  const it = await connecting();
  void it.chat.send('one');
  FakeSocket.last.open();
  void it.chat.send('two');
  expect(FakeSocket.last.chats).toEqual([]);
  FakeSocket.last.accept();
  void it.chat.send('three');
  expect(FakeSocket.last.contents).toEqual(['one', 'two', 'three']);
});

test('what a listener says at the acknowledgement comes after what waited', async () => {
  const it = await authenticating();
  void it.chat.send('waited');
  it.chat.on('state', () => void it.chat.send('said at once'));
  FakeSocket.last.accept();
  expect(FakeSocket.last.contents).toEqual(['waited', 'said at once']);
});

test('a promise is settled by the answer to its own message', async () => {
  const it = await authenticated();
  const [one, two] = [it.chat.send('one'), it.chat.send('two')];
  const [, second] = FakeSocket.last.chats;
  FakeSocket.last.answer(second?.id ?? '', 'Two.', { title: 'Stew' });
  expect(await outcome(one)).toBe('pending');
  expect((await two).payload.content).toBe('Two.');
  expect(it.chat.recipe).toEqual({ title: 'Stew' });
});

test('an error of the server rejects the promise, with how long to wait', async () => {
  const it = await authenticated();
  const reply = it.chat.send('one');
  FakeSocket.last.say(refusal('rate_limited', FakeSocket.last.chats[0]?.id ?? '', 2_000));
  const fault = await reply.catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(ChatError);
  expect(fault).toMatchObject({ code: 'rate_limited', retryAfterMs: 2_000 });
  expect(fault).toMatchObject({ requestId: FakeSocket.last.chats[0]?.id });
  expect(it.errors).toEqual([fault]);
  expect(it.chat.state).toBe('authenticated');
});

test('an error about no message of ours is an event', async () => {
  const it = await authenticated();
  FakeSocket.last.say(refusal('internal', null));
  expect(it.errors).toMatchObject([{ code: 'internal', requestId: null, retryAfterMs: null }]);
});

test('what was not answered is sent again on the next socket, same ids, same order', async () => {
  const it = await authenticated();
  const replies = ['one', 'two', 'three'].map((content) => it.chat.send(content));
  const first = FakeSocket.last;
  first.answer(first.chats[0]?.id ?? '');
  first.end(1006);
  void it.chat.send('four');
  const second = await reopen();
  expect(second.chats).toEqual([]);
  second.accept();
  expect(second.contents).toEqual(['two', 'three', 'four']);
  expect(second.frames.slice(1, 3)).toEqual(first.frames.slice(2, 4));
  for (const chat of second.chats) second.answer(chat.id, `Re: ${chat.payload.content}`);
  const contents = await Promise.all(replies.slice(1).map(async (r) => (await r).payload.content));
  expect(contents).toEqual(['Re: two', 'Re: three']);
});

test('a second acknowledgement sends nothing twice', async () => {
  const it = await authenticated();
  void it.chat.send('one');
  FakeSocket.last.accept();
  expect(FakeSocket.last.contents).toEqual(['one']);
});

test('the queue is bounded, and answers make room in it', async () => {
  const it = await authenticated({ maxQueue: 2 });
  void it.chat.send('one');
  void it.chat.send('two');
  expect(await outcome(it.chat.send('three'))).toBe('queue_full');
  FakeSocket.last.answer(FakeSocket.last.chats[0]?.id ?? '');
  void it.chat.send('four');
  expect(FakeSocket.last.contents).toEqual(['one', 'two', 'four']);
  expect(it.errors.map((error) => error.code)).toEqual(['queue_full']);
});

test('by default as many wait as the server knows again', async () => {
  const it = await connecting();
  for (let n = 0; n < 32; n++) void it.chat.send(`${n}`);
  expect(await outcome(it.chat.send('one more'))).toBe('queue_full');
});

test('what the server would refuse is not sent', async () => {
  const it = await authenticated();
  const tooMany = 'é'.repeat(16_385);
  const tooManyBytes = '\u{1F375}'.repeat(16_384);
  const halfACharacter = 'a\ud83c';
  for (const content of ['', tooMany, tooManyBytes, halfACharacter]) {
    expect(await outcome(it.chat.send(content))).toBe('invalid_content');
  }
  // The answer to such an id would name none, and nobody know whose it is.
  for (const id of ['', 'x'.repeat(129), '\udc00']) {
    expect(await outcome(it.chat.send('one', undefined, id))).toBe('invalid_content');
  }
  void it.chat.send('é'.repeat(16_384), undefined, '\u{1F375}'.repeat(128));
  expect(FakeSocket.last.chats.length).toBe(1);
});

test('closing rejects what waits, and nothing is taken after it', async () => {
  const it = await authenticated();
  const reply = it.chat.send('one');
  it.chat.close();
  expect(await outcome(reply)).toBe('closed');
  expect(await outcome(it.chat.send('two'))).toBe('closed');
  expect(FakeSocket.last.closedWith).toBe(1_000);
  it.chat.connect();
  await settle();
  FakeSocket.last.open();
  FakeSocket.last.accept();
  expect(FakeSocket.last.chats).toEqual([]);
});

test('a promise that nobody looks at is no unhandled rejection', async () => {
  vi.useRealTimers();
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const it = world();
  void it.chat.send('one');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  expect(it.errors.map((error) => error.code)).toEqual(['closed']);
});

test('after nine minutes away a message is not sent again: it might be done twice', async () => {
  const it = await authenticated();
  const reply = it.chat.send('one');
  FakeSocket.last.end(1006);
  for (let minutes = 0; minutes < 10; minutes++) {
    await pass(60_000);
    FakeSocket.last.end(1006);
  }
  void it.chat.send('two');
  const socket = await reopen();
  socket.accept();
  expect(await outcome(reply)).toBe('outcome_unknown');
  expect(socket.contents).toEqual(['two']);
});

test('frames that are not of this protocol are told and skipped', async () => {
  const it = await authenticated();
  FakeSocket.last.sayRaw('{');
  FakeSocket.last.sayRaw(new ArrayBuffer(2));
  FakeSocket.last.say(null);
  FakeSocket.last.say({ type: 'toString', id: '1', timestamp: '', payload: [] });
  FakeSocket.last.say({ type: 'recipe_update', id: '1', timestamp: '', payload: { content: 1 } });
  expect(it.errors.map((error) => error.code)).toEqual(Array(5).fill('unreadable'));
  expect(it.chat.state).toBe('authenticated');
});

test('a message of an unknown type is ignored, counted, and told to who asks', async () => {
  const it = await authenticated();
  const unknown: unknown[] = [];
  const messages: unknown[] = [];
  it.chat.on('unknown', (message) => unknown.push(message));
  it.chat.on('message', (message) => messages.push(message));
  const before = it.statuses.length;
  const later = { type: 'of_tomorrow', id: '1', timestamp: '', payload: { after_ms: 5 } };
  const odd = { type: 'toString', id: '2', timestamp: '', payload: {} };
  for (const message of [later, odd]) FakeSocket.last.say(message);
  expect([it.errors, messages, it.statuses.length]).toEqual([[], [], before]);
  expect([unknown, it.chat.unknownMessages]).toEqual([[later, odd], 2]);
  // It has answered nothing, but whoever sends it is there.
  const reply = it.chat.send('still here');
  await pass(29_000);
  FakeSocket.last.say(later);
  await pass(29_000);
  FakeSocket.last.answer(FakeSocket.last.chats[0]?.id ?? '');
  await expect(reply).resolves.toMatchObject({ type: 'recipe_update' });
  expect(it.chat.unknownMessages).toBe(3);
});

test('fields that are not known are ignored', async () => {
  const it = await authenticating();
  const id = FakeSocket.last.auths[0]?.id ?? '';
  const known = acknowledgement(id, { resumed: true, session: { user_id: 'alice', resume: {} } });
  FakeSocket.last.say({ ...known, trace: [null] });
  expect([it.chat.state, it.errors, it.chat.unknownMessages]).toEqual(['authenticated', [], 0]);
});

test('a listener that throws disturbs neither the connection nor the other listeners', async () => {
  const it = world();
  const uncaught: unknown[] = [];
  vi.stubGlobal('queueMicrotask', (task: () => void) => {
    try {
      task();
    } catch (fault) {
      uncaught.push(fault);
    }
  });
  const seen: string[] = [];
  it.chat.on('state', () => {
    throw new Error('a listener of somebody');
  });
  it.chat.on('state', (status) => seen.push(status.state));
  it.chat.connect();
  await settle();
  FakeSocket.last.open();
  expect(seen).toEqual(['connecting', 'authenticating']);
  expect(uncaught.length).toBe(2);
});

test('a listener that was taken off hears nothing', async () => {
  const it = await connecting();
  const listener = vi.fn();
  it.chat.on('state', listener)();
  FakeSocket.last.open();
  expect(listener).not.toHaveBeenCalled();
});
