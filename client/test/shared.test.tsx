// @vitest-environment jsdom
// One connection for several components, or none.

import { act, Activity, StrictMode, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ChatProvider, useRecipeChat, type RecipeChat } from '../src/react.js';
import { memoryOutbox } from '../src/storage.js';
import { FakeSocket, reset } from './support.js';

let root: Root;
let outbox = memoryOutbox();
const seen: Record<string, RecipeChat<unknown>> = {};

function Chat({ name, id = 'soup', enabled }: { name: string; id?: string; enabled?: boolean }) {
  seen[name] = useRecipeChat(id, { enabled });
  return null;
}

const show = (children: ReactNode) =>
  act(async () =>
    root.render(
      <StrictMode>
        <ChatProvider url="/" getToken={() => 'a'} WebSocket={FakeSocket} outbox={outbox}>
          {children}
        </ChatProvider>
      </StrictMode>,
    ),
  );

async function accept(): Promise<FakeSocket> {
  const socket = FakeSocket.last;
  await act(async () => socket.open());
  await act(async () => socket.accept());
  return socket;
}

beforeEach(() => {
  reset();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  outbox = memoryOutbox();
  root = createRoot(document.createElement('div'));
});
afterEach(async () => {
  await act(async () => root.unmount());
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
});

test('components of one recipe share its connection, and others do not', async () => {
  const all = [<Chat key="1" name="one" />, <Chat key="2" name="two" />];
  await show(all);
  expect(FakeSocket.all.map(({ url }) => url)).toEqual(['ws://localhost:3000/v1/chat/soup']);
  const socket = await accept();
  await act(async () => void seen['one']?.send('Hello'));
  expect(seen['two']?.messages).toMatchObject([{ content: 'Hello', state: 'pending' }]);
  await show([...all, <Chat key="3" name="three" id="stew" />]);
  expect(FakeSocket.all.length).toBe(2);
  await show(all.slice(1));
  expect([socket.closedWith, FakeSocket.last.closedWith]).toEqual([undefined, 1_000]);
  await show([]);
  expect(socket.closedWith).toBe(1_000);
  await show(all);
  expect(FakeSocket.all.length).toBe(3);
  expect(seen['one']?.messages).toEqual([]);
  // What it left unsent is there again.
  expect((await accept()).contents).toEqual(['Hello']);
});

test('`enabled` says whether a component wants the connection', async () => {
  await show(<Chat name="one" enabled={false} />);
  expect([FakeSocket.all.length, seen['one']?.state]).toEqual([0, 'connecting']);
  await show(<Chat name="one" enabled />);
  const socket = await accept();
  await show([<Chat key="1" name="one" enabled={false} />, <Chat key="2" name="two" />]);
  expect(seen['one']?.state).toBe('authenticated');
  await show([<Chat key="1" name="one" enabled={false} />]);
  expect([socket.closedWith, seen['one']?.state]).toEqual([1_000, 'closed']);
  await show([<Chat key="1" name="one" enabled />, <Chat key="2" name="two" />]);
  expect(FakeSocket.all.filter((it) => it.closedWith === undefined).length).toBe(1);
});

test('a component that was hidden shares its connection again', async () => {
  const tab = (mode: 'visible' | 'hidden') => (
    <Activity key="1" mode={mode}>
      <Chat name="one" />
    </Activity>
  );
  await show(tab('visible'));
  const socket = await accept();
  await show(tab('hidden'));
  expect(socket.closedWith).toBe(1_000);
  await show(tab('visible'));
  await accept();
  await show([tab('visible'), <Chat key="2" name="two" />]);
  expect(FakeSocket.all.length).toBe(2);
  expect(seen['two']?.state).toBe('authenticated');
});

test('a component that was hidden takes the connection that another one has made', async () => {
  const all = (mode: 'visible' | 'hidden', ...others: ReactNode[]) => [
    <Activity key="1" mode={mode}>
      <Chat name="one" />
    </Activity>,
    ...others,
  ];
  await show(all('visible'));
  await accept();
  await show(all('hidden'));
  const two = <Chat key="2" name="two" />;
  await show(all('hidden', two));
  const socket = await accept();
  await show(all('visible', two));
  expect([FakeSocket.all.length, socket.closedWith]).toEqual([2, undefined]);
  await act(async () => void seen['one']?.send('Hello'));
  expect(seen['two']?.messages).toMatchObject([{ content: 'Hello', state: 'pending' }]);
  await show(all('visible'));
  expect(socket.closedWith).toBeUndefined();
  await show([]);
  expect([FakeSocket.all.length, socket.closedWith]).toEqual([2, 1_000]);
});

test('without options and a provider it says what is missing', () => {
  expect(() => renderToString(<Chat name="one" />)).toThrow(/ChatProvider/);
});
