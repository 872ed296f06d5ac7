import { readFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { adviceFor, type Advice } from '../src/index.js';
import { textKey } from '../src/texts.js';
import {
  authenticated,
  authenticating,
  connecting,
  FakeSocket,
  pass,
  reconnecting,
  reopen,
  reset,
  settle,
  world,
} from './support.js';

const PROTOCOL = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

const ADVICE: Record<string, Advice> = {
  no: 'no',
  yes: 'back_off',
  'yes, with back-off': 'back_off',
  'yes, after a refresh': 'refresh',
  'once, after a refresh': 'refresh_once',
  'yes, after a minute': 'minute',
};

/** Code, reason and advice of each row of the protocol's close table. */
function documented(): { code: number; reason: string; advice: Advice }[] {
  const [, table = ''] = PROTOCOL.split('| code | reason | label |');
  const rows = table.split('\n').slice(2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) => {
    const [, code, reason = '', , words = ''] = line.split('|').map((cell) => cell.trim());
    const text = reason === 'empty' ? '' : reason.replaceAll('`', '');
    return { code: Number(code), reason: text, advice: ADVICE[words] ?? 'no' };
  });
}

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

describe('every row of the protocol', () => {
  const rows = documented();

  test('is found', () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(new Set(rows.map((row) => row.advice)).size).toBe(5);
  });

  for (const { code, reason, advice } of rows) {
    test(`${code} ${reason}: ${advice}`, async () => {
      const it = await authenticated();
      const first = FakeSocket.last;
      first.end(code, reason);
      expect(it.chat.status.close).toEqual({ code, reason });
      await settle();
      const isOpened = () => FakeSocket.all.length === 2;
      if (advice === 'no') {
        expect(it.chat.state).toBe('closed');
        await pass(600_000);
        expect(isOpened()).toBe(false);
      } else if (advice === 'refresh' || advice === 'refresh_once') {
        expect(it.refreshToken).toHaveBeenCalledExactlyOnceWith('token-1');
        expect(isOpened()).toBe(true);
        FakeSocket.last.open();
        expect(FakeSocket.last.auths[0]?.payload.token).toBe('token-2');
      } else {
        const waitMs = advice === 'minute' ? 65_000 : 500;
        expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: waitMs });
        await pass(waitMs - 1);
        expect(isOpened()).toBe(false);
        await pass(1);
        expect(isOpened()).toBe(true);
        expect(it.refreshToken).not.toHaveBeenCalled();
      }
    });
  }
});

test('what is in no table is final for a policy and the network for the rest', () => {
  const advice = (code: number) => adviceFor({ code, reason: 'Something new' });
  expect([1008, 1000, 1002].map(advice)).toEqual(['no', 'no', 'no']);
  expect([1005, 1006, 1012, 1014, 1015, 4000].map(advice)).toEqual(Array(6).fill('back_off'));
  expect(adviceFor({ code: 1008, reason: 'constructor' })).toBe('no');
});

test('a server that two sockets did not reach is out of reach, until it is reached', async () => {
  const it = await authenticated();
  FakeSocket.last.end(1006);
  expect(it.key()).toBe('reconnecting');
  for (const key of ['reconnecting', 'unreachable', 'unreachable']) {
    const before = FakeSocket.all.length;
    for (let n = 0; FakeSocket.all.length === before; n++) await pass(100);
    expect(it.chat.state).toBe('connecting');
    FakeSocket.last.end(1006);
    expect(it.key()).toBe(key);
  }
  // It does not come and go with each attempt.
  expect(it.statuses.slice(-3).map(textKey)).toEqual(Array(3).fill('unreachable'));
  (await reopen()).accept();
  expect(it.key()).toBe('authenticated');
  FakeSocket.last.end(1006);
  expect(it.key()).toBe('reconnecting');
  it.chat.close();
});

test('the back-off doubles from 1 s to 30 s, and its jitter takes any part of it', async () => {
  vi.mocked(Math.random).mockReturnValue(0.999_999);
  const it = await connecting();
  const waits: number[] = [];
  for (let n = 0; n < 7; n++) {
    FakeSocket.last.end(1006);
    const waitMs = it.chat.status.retryInMs ?? 0;
    waits.push(Math.round(waitMs));
    await pass(waitMs + 1);
    expect(FakeSocket.all.length).toBe(n + 2);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  vi.mocked(Math.random).mockReturnValue(0);
  FakeSocket.last.end(1006);
  expect(it.statuses.slice(-2)).toMatchObject([{ retryInMs: 0 }, { state: 'connecting' }]);
});

test('the back-off starts small again once a connection has stood, and not before', async () => {
  const it = await connecting();
  const lose = async (afterMs: number) => {
    FakeSocket.last.open();
    FakeSocket.last.accept();
    await pass(afterMs);
    FakeSocket.last.end(1011, 'Internal error');
    const waitMs = it.chat.status.retryInMs ?? 0;
    await pass(waitMs);
    return waitMs;
  };
  expect([await lose(0), await lose(9_999), await lose(0)]).toEqual([500, 1_000, 2_000]);
  expect([await lose(10_000), await lose(0)]).toEqual([500, 1_000]);
});

test('a socket that does not open is given up, and backs off', async () => {
  const it = await connecting();
  await pass(9_999);
  expect(it.chat.state).toBe('connecting');
  await pass(1);
  expect(it.chat.status).toMatchObject({ state: 'reconnecting' });
  expect(it.key()).toBe('no_answer');
  expect(FakeSocket.last.closedWith).toBe(1_000);
});

test('an auth without an answer is given up after 5 s, whatever comes later', async () => {
  const it = await authenticating();
  const socket = FakeSocket.last;
  await pass(4_999);
  expect(it.chat.state).toBe('authenticating');
  await pass(1);
  expect(it.chat.status.close).toEqual({ code: 0, reason: 'Authentication timeout' });
  expect(it.chat.state).toBe('reconnecting');
  socket.accept();
  expect(it.chat.state).toBe('reconnecting');
});

test('what an earlier socket says and how it ends is not heard any more', async () => {
  const it = await authenticated();
  const first = FakeSocket.last;
  await it.chat.send('').catch(() => {});
  first.end(1006);
  await pass(500);
  FakeSocket.last.open();
  FakeSocket.last.accept();
  const count = it.statuses.length;
  first.open();
  first.sayRaw('{');
  first.end(1008, 'Session revoked');
  expect(it.statuses.length).toBe(count);
  expect(it.errors.map((error) => error.code)).toEqual(['invalid_content']);
});

test('a close by the embedder ends every wait', async () => {
  const it = await reconnecting();
  it.chat.close();
  expect(it.chat.status).toMatchObject({ state: 'closed', retryInMs: null });
  expect(it.key()).toBe('disconnected');
  expect(vi.getTimerCount()).toBe(0);
  await pass(600_000);
  expect(FakeSocket.all.length).toBe(1);
});

test('why the last socket ended is told until the next is authenticated', async () => {
  const it = await authenticated();
  FakeSocket.last.end(1011, 'Internal error');
  await pass(500);
  FakeSocket.last.open();
  const closes = it.statuses.map(({ state, close }) => [state, close?.code ?? null]);
  const untilLost = ['connecting', 'authenticating', 'authenticated'].map((s) => [s, null]);
  const after = ['reconnecting', 'connecting', 'authenticating'].map((s) => [s, 1011]);
  expect(closes).toEqual([...untilLost, ...after]);
  FakeSocket.last.accept();
  expect(it.chat.status.close).toBe(null);
});

test('connect cuts a wait short, and is nothing while connected', async () => {
  const it = await reconnecting();
  it.chat.connect();
  it.chat.connect();
  await settle();
  expect(FakeSocket.all.length).toBe(2);
  FakeSocket.last.open();
  FakeSocket.last.accept();
  it.chat.connect();
  await settle();
  expect(FakeSocket.all.length).toBe(2);
});

test('connect keeps a wait that the server has asked for', async () => {
  const it = await authenticated();
  FakeSocket.last.end(1008, 'Rate limit exceeded');
  expect(it.chat.status).toMatchObject({ state: 'reconnecting', announced: true });
  it.chat.connect();
  await pass(59_000);
  it.chat.connect();
  await settle();
  expect(FakeSocket.all.length).toBe(1);
  await pass(11_000);
  expect(FakeSocket.all.length).toBe(2);
  // Who is done and begins anew waits no more.
  FakeSocket.last.end(1008, 'Rate limit exceeded');
  it.chat.close();
  it.chat.connect();
  await settle();
  expect(FakeSocket.all.length).toBe(3);
});

test('the address has neither query nor user, and no token is in it', async () => {
  await connecting({ url: 'https://alice:secret@chat.example.com/base/?token=t#x' });
  expect(FakeSocket.last.url).toBe('wss://chat.example.com/base/v1/chat/soup');
  expect(FakeSocket.last.protocols).toEqual(['recipe-chat.v2']);
});

test('a recipe id or address that the server would refuse is refused here', () => {
  for (const recipeId of ['', '.', '..', 'a/b', 'a b', 'é', 'a%20b', 'x'.repeat(129), 'a\n']) {
    expect(() => world({ recipeId }), recipeId).toThrow(TypeError);
  }
  for (const recipeId of ['a', '...', '~a_b-C.9', 'x'.repeat(128)]) world({ recipeId });
  expect(() => world({ url: 'ftp://chat.example.com' })).toThrow(TypeError);
});

test('where there is no WebSocket, or it is forbidden, it ends', async () => {
  const it = world({
    WebSocket: class {
      constructor() {
        throw new DOMException('An insecure WebSocket connection', 'SecurityError');
      }
    } as never,
  });
  it.chat.connect();
  await settle();
  expect(it.chat.status).toMatchObject({ state: 'closed' });
  expect(it.key()).toBe('broken');
});
