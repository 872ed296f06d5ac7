import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { chatUrl } from '../src/url.js';
import { connecting, reset, settle, world } from './support.js';

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

test('a relative URL is the page’s, with TLS as the page has it', () => {
  for (const [page, url, expected] of [
    ['https://example.com/app/?q=1', '/', 'wss://example.com/v1/chat/soup'],
    ['http://example.com:8080/app/', '/', 'ws://example.com:8080/v1/chat/soup'],
    ['https://example.com/app/', '/edge/', 'wss://example.com/edge/v1/chat/soup'],
    ['https://example.com/app/', '/v1/chat/soup', 'wss://example.com/v1/chat/soup'],
    ['https://example.com/app/', '//other.example', 'wss://other.example/v1/chat/soup'],
    ['https://example.com/app/', 'ws://other.example', 'ws://other.example/v1/chat/soup'],
  ] as const) {
    vi.stubGlobal('location', { href: page });
    expect(chatUrl(url, 'soup')).toBe(expected);
  }
});

test('a whole address is not made longer, unless it is another recipe’s', () => {
  expect(chatUrl('wss://a.example/v1/chat/soup/', 'soup')).toBe('wss://a.example/v1/chat/soup');
  expect(chatUrl('wss://a.example/v1/chat/soup', 'stew')).toMatch(/chat\/soup\/v1\/chat\/stew$/);
});

test('where there is no page a relative URL connects nowhere', () => {
  expect(chatUrl('/', 'soup')).toBe('ws://relative.invalid/v1/chat/soup');
});

test('without a WebSocket it says which Node.js has one, and which option passes one', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const it = await world({ WebSocket: undefined });
  it.chat.connect();
  await settle();
  expect(it.chat.status).toMatchObject({ state: 'closed', close: { reason: 'No WebSocket' } });
  expect(it.errors).toMatchObject([{ code: 'unsupported' }]);
  expect(it.errors[0]?.message).toMatch(/Node\.js has it since 22.*option `WebSocket`/);
});

test('a WebSocket that may not be made tells why', async () => {
  class Refusing {
    constructor() {
      throw new DOMException('Mixed content', 'SecurityError');
    }
  }
  const it = await world({ WebSocket: Refusing as never });
  it.chat.connect();
  await settle();
  expect(it.errors).toMatchObject([{ code: 'unsupported', cause: { message: 'Mixed content' } }]);
});

test('a missing WebSocket is not missed by who listens to nothing', async () => {
  const uncaught: unknown[] = [];
  const { ChatConnection } = await import('../src/index.js');
  vi.stubGlobal('WebSocket', undefined);
  vi.stubGlobal('queueMicrotask', (task: () => void) => {
    try {
      task();
    } catch (fault) {
      uncaught.push(fault);
    }
  });
  const getToken = () => 'token-1';
  new ChatConnection({ url: 'ws://127.0.0.1', recipeId: 'soup', getToken }).connect();
  await settle();
  expect(uncaught).toMatchObject([{ code: 'unsupported' }]);
  expect((await connecting()).errors).toEqual([]);
});
