// @vitest-environment jsdom
// What was said in a component that is gone.

import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { useLeaveWarning, useRecipeChat, type RecipeChat } from '../src/react.js';
import { FakeSocket, reset } from './support.js';

let seen: RecipeChat<unknown>;
let root: Root;
let serial = 0;
/** Of one test: the default memory of the hook outlives each. */
let url: string;
let token: string | null;

let other: RecipeChat<unknown>;

/** Beside the other one, without a provider. */
function Second() {
  other = useRecipeChat('soup', { url, getToken: () => token, WebSocket: FakeSocket });
  return null;
}

function Chat({ userId }: { userId?: string }) {
  const getToken = () => token;
  seen = useRecipeChat('soup', { url, getToken, userId, WebSocket: FakeSocket });
  useLeaveWarning(seen);
  return null;
}

const mount = async (userId?: string) => {
  root = createRoot(document.createElement('div'));
  await act(async () => root.render(<Chat {...(userId && { userId })} />));
};
const unmount = () => act(async () => root.unmount());
const say = (content: string) => act(async () => void seen.send(content));
const lines = () => seen.messages.map(({ content, state }) => `${content}:${state}`);

async function accept(user = 'alice', extra: object = {}): Promise<FakeSocket> {
  const socket = FakeSocket.last;
  const session = { user_id: user, expires_at: '', reauth_at: '', ping_interval_ms: 30_000 };
  await act(async () => socket.open());
  await act(async () => socket.accept({ session, ...extra }));
  return socket;
}

function leave(): boolean {
  const event = new Event('beforeunload', { cancelable: true });
  dispatchEvent(event);
  return event.defaultPrevented;
}

beforeEach(() => {
  reset();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  url = `wss://${++serial}.example.com`;
  token = 'token-1';
});
afterEach(async () => {
  await unmount();
  vi.restoreAllMocks();
});

test('it is shown and sent when the component is there again', async () => {
  await mount();
  const first = await accept();
  await say('one');
  await unmount();
  await mount();
  expect(lines()).toEqual([]);
  const second = await accept();
  expect(lines()).toEqual(['one:pending']);
  expect(second.chats).toEqual(first.chats);
  await act(async () => second.answer(second.chats[0]?.id ?? '', 'One.'));
  expect(lines()).toEqual(['one:done', 'One.:done']);
  expect(seen.error).toBe(null);
});

test('with the user’s id it is shown before the server has said who that is', async () => {
  await mount('alice');
  await say('one');
  await unmount();
  await mount('alice');
  expect(lines()).toEqual(['one:pending']);
  expect((await accept()).contents).toEqual(['one']);
});

test('it is shown once where the history has it', async () => {
  await mount('alice');
  const { chats } = await accept().then(async (socket) => {
    await say('one');
    return socket;
  });
  await unmount();
  await mount('alice');
  const id = chats[0]?.id ?? '';
  const entry = { id, user_id: 'alice', timestamp: '', content: 'one', reply: 'One.' };
  const socket = await accept('alice', { history: [entry] });
  await act(async () => socket.answer(id, 'One.'));
  expect(lines()).toEqual([]);
});

test('it waits while the session is expired, and is sent after signing in', async () => {
  await mount();
  const socket = await accept();
  await say('one');
  token = null;
  await act(async () => socket.end(1008, 'Token expired'));
  expect([seen.state, lines(), seen.error]).toEqual(['closed', ['one:pending'], null]);
  expect(leave()).toBe(true);
  token = 'token-2';
  await act(async () => seen.retry());
  expect((await accept()).contents).toEqual(['one']);
});

test('another user neither sees nor sends it', async () => {
  await mount();
  const socket = await accept();
  await say('of alice');
  await act(async () => socket.end(1006));
  await act(async () => vi.advanceTimersByTimeAsync(1_000));
  expect((await accept('bob')).contents).toEqual([]);
  expect(lines()).toEqual([]);
});

test('the browser asks before it is lost, and only then', async () => {
  await mount();
  const socket = await accept();
  expect(leave()).toBe(false);
  await say('one');
  expect(leave()).toBe(true);
  await act(async () => socket.answer(socket.chats[0]?.id ?? ''));
  expect(leave()).toBe(false);
  await say('two');
  await unmount();
  expect(leave()).toBe(false);
});

test('of two components without a provider, one sends it', async () => {
  await mount();
  const first = await accept();
  await say('one');
  const both = (isFirst: boolean) =>
    act(async () =>
      root.render([isFirst && <Chat key="1" />, <Second key="2" />]),
    );
  await unmount();
  root = createRoot(document.createElement('div'));
  await both(true);
  const sockets = FakeSocket.all.slice(-2);
  for (const socket of sockets) {
    const session = { user_id: 'alice', expires_at: '', reauth_at: '', ping_interval_ms: 30_000 };
    await act(async () => socket.open());
    await act(async () => socket.accept({ session }));
  }
  expect(sockets.map(({ contents }) => contents)).toEqual([['one'], []]);
  expect([seen, other].map(({ messages }) => messages.length)).toEqual([1, 0]);
  // The one that sent it goes before it is answered: then it is the other's.
  await both(false);
  expect(sockets[1]?.chats).toEqual(first.chats);
  expect(other.messages).toMatchObject([{ content: 'one', state: 'pending' }]);
  await act(async () => sockets[1]?.answer(first.chats[0]?.id ?? '', 'One.'));
  expect(other.messages.map(({ content }) => content)).toEqual(['one', 'One.']);
});
