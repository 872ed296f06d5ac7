// @vitest-environment jsdom

import { act, StrictMode, useEffect, type ReactNode } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ChatOptions, Status } from '../src/index.js';
import { ConnectionStatus, useRecipeChat, type RecipeChat } from '../src/react.js';
import { memoryOutbox } from '../src/storage.js';
import { TEXTS } from '../src/texts.js';
import { authRequired, FakeSocket, refusal, reset, update } from './support.js';

interface Recipe {
  title: string;
}

let seen: RecipeChat<Recipe>;
let renders = 0;
/** Of one test. */
let outbox = memoryOutbox();
let root: Root | null = null;
let place: HTMLElement;

function Chat({ id = 'soup', options = {} }: { id?: string; options?: Partial<ChatOptions> }) {
  // New functions at each render, as people write them.
  seen = useRecipeChat<Recipe>(id, {
    url: 'wss://chat.example.com',
    getToken: () => 'token-1',
    refreshToken: async () => 'token-2',
    WebSocket: FakeSocket,
    outbox,
    ...options,
  });
  renders++;
  const lines = seen.messages.map((line) => `${line.from}:${line.content}:${line.state}`);
  return (
    <>
      <ConnectionStatus status={seen.status} />
      <p>{seen.recipe?.title}</p>
      <ol>{lines.join('|')}</ol>
    </>
  );
}

async function show(page: ReactNode): Promise<void> {
  root ??= createRoot(place);
  await act(async () => root?.render(page));
}

async function live(page: ReactNode = <Chat />): Promise<FakeSocket> {
  await show(page);
  const socket = FakeSocket.last;
  await act(async () => socket.open());
  await act(async () => socket.accept());
  return socket;
}

const indicator = () => {
  const found = place.querySelector<HTMLElement>('[role="status"]');
  return { text: found?.textContent?.trim(), color: found?.dataset['color'] };
};
const lines = () => place.querySelector('ol')?.textContent;

beforeEach(() => {
  reset();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  place = document.createElement('div');
  renders = 0;
  outbox = memoryOutbox();
});

afterEach(async () => {
  await act(async () => root?.unmount());
  root = null;
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
});

const GREETER = {
  url: 'wss://chat.example.com',
  getToken: () => 'token-1',
  WebSocket: FakeSocket,
};

describe('useRecipeChat', () => {
  test('connects when it is mounted, and closes when it is not any more', async () => {
    const socket = await live();
    expect(seen.state).toBe('authenticated');
    expect(place.querySelector('p')?.textContent).toBe('Soup');
    expect(seen.session?.user_id).toBe('alice');
    await act(async () => root?.unmount());
    expect(socket.closedWith).toBe(1_000);
    expect(FakeSocket.all.length).toBe(1);
  });

  test('opens one socket under StrictMode, which mounts twice', async () => {
    const getToken = vi.fn(() => 'token-1');
    const socket = await live(
      <StrictMode>
        <Chat options={{ getToken }} />
      </StrictMode>,
    );
    expect(getToken).toHaveBeenCalledTimes(1);
    expect(FakeSocket.all).toEqual([socket]);
    expect(socket.closedWith).toBeUndefined();
    expect(socket.auths.length).toBe(1);
    await act(async () => void seen.send('Hello'));
    expect(socket.contents).toEqual(['Hello']);
    expect(lines()).toBe('me:Hello:pending');
  });

  test('what an effect says at the mount waits for the connection', async () => {
    function Greeter() {
      const { send } = (seen = useRecipeChat<Recipe>('soup', { ...GREETER, outbox }));
      useEffect(() => void send('Hello'), [send]);
      return null;
    }
    const socket = await live(<Greeter />);
    expect(FakeSocket.all).toEqual([socket]);
    expect(socket.contents).toEqual(['Hello']);
    expect(seen.error).toBe(null);
  });

  test('two components have two connections', async () => {
    await show(
      <>
        <Chat />
        <Chat id="stew" />
      </>,
    );
    const urls = FakeSocket.all.map((socket) => socket.url.split('/').at(-1));
    expect(urls).toEqual(['soup', 'stew']);
  });

  test('shows what is said, its answers, what others say, and news', async () => {
    const socket = await live();
    await act(async () => void seen.send('Rename to Stew'));
    expect(lines()).toBe('me:Rename to Stew:pending');
    const id = socket.chats[0]?.id ?? '';
    await act(async () => socket.answer(id, 'It is called Stew.', { title: 'Stew' }));
    expect(lines()).toBe('me:Rename to Stew:done|server:It is called Stew.:done');
    expect(place.querySelector('p')?.textContent).toBe('Stew');
    const payload = { content: 'Nice', user_id: 'bob' };
    await act(async () => {
      socket.say({ type: 'chat_message', id: 'm', timestamp: '', payload });
      socket.say(update({ content: 'Scaled.' }));
    });
    expect(lines()).toContain('|others:Nice:done|server:Scaled.:done');
    await act(async () => {
      const mine = { ...payload, user_id: 'alice' };
      socket.say({ type: 'chat_message', id: 'n', timestamp: '', payload: mine });
    });
    expect(lines()).toMatch(/\|me:Nice:done$/);
  });

  test('shows what was refused, and forgets the error when something is accepted', async () => {
    const socket = await live();
    await act(async () => void seen.send('one'));
    const id = socket.chats[0]?.id ?? '';
    await act(async () => socket.say(refusal('rate_limited', id, 2_000)));
    expect(lines()).toBe('me:one:failed');
    expect(seen.messages[0]?.error).toMatchObject({ code: 'rate_limited', retryAfterMs: 2_000 });
    expect(seen.error?.code).toBe('rate_limited');
    await act(async () => socket.say(update({ content: 'News' })));
    expect(seen.error).toBe(null);
  });

  test('has the history of the room, and shows nothing twice after a reconnect', async () => {
    const socket = await live();
    await act(async () => void seen.send('one'));
    await act(async () => void seen.send('two'));
    const [one, two] = socket.chats;
    await act(async () => socket.answer(one?.id ?? '', 'One.'));
    await act(async () => socket.end(1006));
    await act(async () => vi.advanceTimersByTimeAsync(500));
    await act(async () => FakeSocket.last.open());
    const entry = { user_id: 'alice', timestamp: '' };
    const history = [
      { ...entry, id: one?.id, content: 'one', reply: 'One.' },
      { ...entry, id: two?.id, content: 'two', reply: null },
    ];
    await act(async () => FakeSocket.last.accept({ history }));
    expect(seen.history).toEqual(history);
    expect(lines()).toBe('me:two:pending');
    expect(FakeSocket.last.contents).toEqual(['two']);
    await act(async () => FakeSocket.last.answer(two?.id ?? '', 'Two.'));
    expect(lines()).toBe('server:Two.:done');
  });

  test('has nothing behind a new history that is older than it', async () => {
    const socket = await live();
    const say = (id: string, user_id: string) => {
      const payload = { content: `${user_id} ${id}`, user_id };
      const message = { type: 'chat_message', id, timestamp: '', payload };
      return act(async () => FakeSocket.last.say(message));
    };
    await say('1', 'bob');
    await say('2', 'bob');
    await act(async () => void seen.send('mine'));
    await act(async () => socket.end(1006));
    await act(async () => vi.advanceTimersByTimeAsync(500));
    await act(async () => FakeSocket.last.open());
    const entry = { user_id: 'bob', content: '', timestamp: '', reply: null };
    const history = ['2', '3', '4'].map((id) => ({ ...entry, id }));
    await act(async () => FakeSocket.last.accept({ history, resumed: false }));
    expect(lines()).toBe('me:mine:pending');
    // Somebody else's message may have the same id.
    await say('4', 'bob');
    await say('4', 'carol');
    expect(lines()).toBe('me:mine:pending|others:carol 4:done');
    // Who goes on where it was keeps what it has.
    await act(async () => FakeSocket.last.end(1006));
    await act(async () => vi.advanceTimersByTimeAsync(1_000));
    await act(async () => FakeSocket.last.open());
    await act(async () => FakeSocket.last.accept({ resumed: true, missed: 0 }));
    expect(lines()).toBe('me:mine:pending|others:carol 4:done');
  });

  test('shows once what others have sent again, under its id', async () => {
    const socket = await live();
    const say = (id: string, user_id: string) =>
      act(async () =>
        socket.say({
          type: 'chat_message',
          id,
          timestamp: '',
          payload: { content: `${user_id} ${id}`, user_id },
        }),
      );
    await say('m1', 'bob');
    await say('m2', 'bob');
    await say('m1', 'bob');
    // An id is its sender's.
    await say('m1', 'carol');
    expect(lines()).toBe('others:bob m1:done|others:bob m2:done|others:carol m1:done');
  });

  test('keeps its connection when it is rendered again, with the newest functions', async () => {
    const socket = await live();
    await show(<Chat options={{ refreshToken: async () => 'token-of-a-later-render' }} />);
    expect(FakeSocket.all.length).toBe(1);
    await act(async () => socket.say(authRequired()));
    expect(socket.auths.at(-1)?.payload.token).toBe('token-of-a-later-render');
  });

  test('leaves for another recipe', async () => {
    const socket = await live();
    await act(async () => void seen.send('In soup'));
    await show(<Chat id="stew" />);
    expect(socket.closedWith).toBe(1_000);
    expect(FakeSocket.last.url).toMatch(/stew$/);
    expect(seen).toMatchObject({ state: 'connecting', messages: [], recipe: null });
    expect(lines()).toBe('');
  });

  test('retries when it is told to', async () => {
    const socket = await live();
    await act(async () => socket.end(1008, 'Session revoked'));
    expect(seen.state).toBe('closed');
    await act(async () => void seen.send('lost').catch(() => {}));
    expect(lines()).toBe('me:lost:failed');
    await act(async () => seen.retry());
    expect(seen.state).toBe('connecting');
    expect(FakeSocket.all.length).toBe(2);
  });

  test('has the same result while nothing changes', async () => {
    await live();
    const [before, count] = [seen, renders];
    await show(<Chat />);
    expect(renders).toBe(count + 1);
    expect(seen).toBe(before);
  });

  test('keeps 500 lines', async () => {
    const socket = await live();
    await act(async () => {
      for (let n = 0; n < 600; n++) socket.say(update({ content: `${n}` }));
    });
    expect(seen.messages.length).toBe(500);
    expect(seen.messages[0]?.content).toBe('100');
  });

  test('is rendered on a server without a socket, and hydrated without a change', async () => {
    const html = renderToString(<Chat />);
    expect(html).toContain('role="status"');
    expect(html).toContain(TEXTS.connecting);
    expect(FakeSocket.all).toEqual([]);
    place.innerHTML = html;
    const errors = vi.spyOn(console, 'error');
    await act(async () => {
      root = hydrateRoot(place, <Chat />);
    });
    expect(errors).not.toHaveBeenCalled();
    expect(FakeSocket.all.length).toBe(1);
  });

  test('tells a bad recipe id where it is rendered', () => {
    expect(() => renderToString(<Chat id="a/b" />)).toThrow(TypeError);
  });
});

describe('ConnectionStatus', () => {
  test('is yellow on the way, green when there, yellow when lost and red at the end', async () => {
    await show(<Chat />);
    expect(indicator()).toEqual({ text: 'Connecting…', color: 'yellow' });
    const socket = FakeSocket.last;
    await act(async () => socket.open());
    expect(indicator()).toEqual({ text: 'Authenticating…', color: 'yellow' });
    await act(async () => socket.accept());
    expect(indicator()).toEqual({ text: 'Connected', color: 'green' });
    await act(async () => socket.end(1001, 'Server shutting down'));
    expect(indicator()).toEqual({ text: TEXTS.restarting, color: 'yellow' });
    await act(async () => vi.advanceTimersByTimeAsync(500));
    for (let attempt = 0; attempt < 2; attempt++) {
      await act(async () => FakeSocket.last.end(1006));
      await act(async () => vi.advanceTimersByTimeAsync(4_000));
    }
    expect(indicator()).toEqual({ text: TEXTS.unreachable, color: 'red' });
    await act(async () => FakeSocket.last.open());
    expect(indicator()).toEqual({ text: 'Authenticating…', color: 'yellow' });
    await act(async () => FakeSocket.last.end(1008, 'Missing auth token'));
    const text = 'Authentication failed. Please try again.';
    expect(indicator()).toEqual({ text, color: 'red' });
  });

  test('is yellow while it re-authenticates', async () => {
    const socket = await live(<Chat options={{ refreshToken: () => new Promise(() => {}) }} />);
    await act(async () => socket.say(authRequired()));
    expect(indicator()).toEqual({ text: 'Refreshing connection…', color: 'yellow' });
  });

  test('counts a wait down, and does not read that out', async () => {
    vi.mocked(Math.random).mockReturnValue(0.999);
    const socket = await live();
    await act(async () => socket.end(1008, 'Too many auth attempts'));
    const countdown = () => place.querySelector('[role="status"] > :last-child');
    expect(indicator().text).toBe('Too many requests. Reconnecting in 70 s');
    expect(countdown()?.getAttribute('aria-hidden')).toBe('true');
    for (const seconds of [69, 68, 67]) {
      await act(async () => vi.advanceTimersByTimeAsync(1_000));
      expect(indicator().text).toBe(`Too many requests. Reconnecting in ${seconds} s`);
    }
    await act(async () => vi.advanceTimersByTimeAsync(66_500));
    expect(indicator().text).toBe('Too many requests. Reconnecting…');
  });

  test('is translated by a table, and takes a class', () => {
    const status = { state: 'authenticated', reauthenticating: false, close: null };
    const texts = { ...TEXTS, authenticated: 'Verbunden' };
    const html = renderToString(
      <ConnectionStatus status={status as unknown as Status} texts={texts} className="mine" />,
    );
    expect(html).toContain('Verbunden');
    expect(html).toContain('class="mine"');
    expect(html).toContain('data-color="green"');
  });
});
