// @vitest-environment jsdom
// The Vue composable and the Svelte store.

import { derived, get } from 'svelte/store';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createApp, createSSRApp, effectScope, h, nextTick, ref } from 'vue';
import { renderToString } from 'vue/server-renderer';

import { memoryOutbox } from '../src/storage.js';
import { recipeChat } from '../src/svelte.js';
import { useRecipeChat, type RecipeChat } from '../src/vue.js';
import { FakeSocket, reset, settle } from './support.js';

const options = (more: object = {}) => ({
  url: 'wss://chat.example.com',
  getToken: () => 'token-1',
  WebSocket: FakeSocket,
  outbox: memoryOutbox(),
  ...more,
});

async function accept(): Promise<FakeSocket> {
  await settle();
  FakeSocket.last.open();
  FakeSocket.last.accept();
  await settle();
  return FakeSocket.last;
}

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

describe('Vue', () => {
  let seen: RecipeChat<{ title: string }>;

  test('a component is connected while it is mounted, and shows what is said', async () => {
    const place = document.createElement('div');
    const app = createApp({
      setup() {
        seen = useRecipeChat<{ title: string }>('soup', options());
        const lines = () => seen.chat.value.messages.map((line) => line.content).join('|');
        return () => h('p', `${seen.chat.value.state} ${seen.chat.value.recipe?.title} ${lines()}`);
      },
    });
    app.mount(place);
    expect(place.textContent).toContain('connecting');
    const socket = await accept();
    void seen.send('Rename it');
    socket.answer(socket.chats[0]?.id ?? '', 'Done.', { title: 'Stew' });
    await nextTick();
    expect(place.textContent).toBe('authenticated Stew Rename it|Done.');
    app.unmount();
    await settle();
    expect(socket.closedWith).toBe(1_000);
  });

  test('a new recipe is a new connection, and `enabled` ends and begins it', async () => {
    const [id, enabled, getToken] = [ref('soup'), ref(true), ref((): string => 'token-1')];
    const scope = effectScope();
    const it = () => options({ enabled: enabled.value, getToken: getToken.value });
    scope.run(() => (seen = useRecipeChat(id, it)));
    const first = await accept();
    id.value = 'stew';
    await nextTick();
    await settle();
    expect([first.closedWith, FakeSocket.last.url.split('/').at(-1)]).toEqual([1_000, 'stew']);
    const second = await accept();
    getToken.value = () => 'token-2';
    await nextTick();
    await settle();
    expect(FakeSocket.all.length).toBe(2);
    enabled.value = false;
    await nextTick();
    await settle();
    expect([second.closedWith, seen.chat.value.state]).toEqual([1_000, 'closed']);
    enabled.value = true;
    await nextTick();
    const third = await accept();
    expect(third.auths[0]?.payload.token).toBe('token-2');
    scope.stop();
    await settle();
    expect(third.closedWith).toBe(1_000);
  });

  test('what an earlier connection still tells is not shown', async () => {
    const [id, enabled] = [ref('soup'), ref(true)];
    const scope = effectScope();
    scope.run(() => (seen = useRecipeChat(id, () => options({ enabled: enabled.value }))));
    await accept();
    expect(seen.chat.value.recipe).toEqual({ title: 'Soup' });
    [id.value, enabled.value] = ['stew', false];
    await nextTick();
    await settle();
    expect(seen.chat.value.recipe).toBe(null);
    scope.stop();
  });

  test('is rendered on a server without a socket', async () => {
    const app = createSSRApp({
      setup() {
        const { chat } = useRecipeChat('soup', options());
        return () => h('p', chat.value.state);
      },
    });
    expect(await renderToString(app)).toBe('<p>connecting</p>');
    await settle();
    expect(FakeSocket.all).toEqual([]);
  });
});

describe('Svelte', () => {
  test('a store is connected while somebody is subscribed', async () => {
    const chat = recipeChat<{ title: string }>('soup', options());
    expect(get(chat).state).toBe('connecting');
    await settle();
    expect(FakeSocket.all).toEqual([]);
    const titles: unknown[] = [];
    const off = derived(chat, ({ recipe }) => recipe?.title).subscribe((t) => titles.push(t));
    const socket = await accept();
    void chat.send('Rename it');
    expect(get(chat).messages).toMatchObject([{ content: 'Rename it', state: 'pending' }]);
    socket.answer(socket.chats[0]?.id ?? '', 'Done.', { title: 'Stew' });
    expect([titles[0], titles.at(-1)]).toEqual([undefined, 'Stew']);
    socket.end(1008, 'Session revoked');
    expect(get(chat).state).toBe('closed');
    chat.retry();
    const second = await accept();
    off();
    await settle();
    expect(second.closedWith).toBe(1_000);
  });
});
