// What the page tells a connection: whether there is a network, and whether somebody looks.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import {
  authenticated,
  authenticating,
  connecting,
  envelope,
  FakeSocket,
  pass,
  reconnecting,
  reopen,
  reset,
  settle,
  world,
} from './support.js';

let browser: EventTarget;
let page: EventTarget & { hidden: boolean };
const network = { onLine: true };

beforeEach(() => {
  reset();
  [browser, page] = [new EventTarget(), Object.assign(new EventTarget(), { hidden: false })];
  network.onLine = true;
  vi.stubGlobal('document', page);
  vi.stubGlobal('navigator', network);
  vi.stubGlobal('addEventListener', browser.addEventListener.bind(browser));
});
afterEach(() => vi.restoreAllMocks());

const turn = (onLine: boolean) => {
  network.onLine = onLine;
  browser.dispatchEvent(new Event(onLine ? 'online' : 'offline'));
};
const show = (isShown: boolean) => {
  page.hidden = !isShown;
  page.dispatchEvent(new Event('visibilitychange'));
};
const OFFLINE = { state: 'reconnecting', close: { code: 0, reason: 'Offline' } };

describe('offline', () => {
  for (const [name, arrange] of Object.entries({ connecting, authenticating, authenticated })) {
    test(`ends what is ${name}, and says why`, async () => {
      const it = await arrange();
      turn(false);
      expect(it.chat.status).toMatchObject(OFFLINE);
      expect(it.key()).toBe('offline');
      expect(FakeSocket.last.closedWith).toBe(1_000);
    });
  }

  test('stays what is said, however often it is tried', async () => {
    const it = await authenticated();
    turn(false);
    for (let n = 0; n < 5; n++) {
      (await reopenFailing()).end(1006);
      expect(it.chat.status).toMatchObject(OFFLINE);
    }
    expect(new Set(it.statuses.slice(3).map(({ close }) => close?.reason))).toEqual(
      new Set(['Offline']),
    );
    expect(it.chat.status.unreachable).toBe(false);
  });

  test('while it waits is said, and takes nothing from the wait', async () => {
    const it = await authenticated();
    FakeSocket.last.end(1008, 'Too many auth attempts');
    await pass(5_000);
    turn(false);
    expect(it.chat.status).toMatchObject({ ...OFFLINE, retryInMs: 60_000 });
    turn(true);
    const close = { code: 1008, reason: 'Too many auth attempts' };
    expect(it.chat.status).toMatchObject({ close, retryInMs: 60_000 });
    await pass(59_999);
    expect(FakeSocket.all.length).toBe(1);
    await pass(1);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('that the browser is wrong about does not keep it from connecting', async () => {
    const it = await authenticated();
    turn(false);
    (await reopen()).accept();
    expect(it.key()).toBe('authenticated');
    expect(it.chat.status.close).toBe(null);
  });

  test('at the start is said, too', async () => {
    network.onLine = false;
    const it = world();
    it.chat.connect();
    expect(it.key()).toBe('offline');
  });

  async function reopenFailing(): Promise<FakeSocket> {
    const before = FakeSocket.all.length;
    for (let n = 0; n < 1_000 && FakeSocket.all.length === before; n++) await pass(100);
    return FakeSocket.last;
  }
});

describe('being back', () => {
  test('online cuts a back-off short, by a random part of a second', async () => {
    const it = await authenticated({ minRetryMs: 1_000, retryDelay: () => 20_000 });
    FakeSocket.last.end(1006);
    turn(true);
    expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: 500 });
    await pass(499);
    expect(FakeSocket.all.length).toBe(1);
    await pass(1);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('becoming visible cuts it short, and becoming hidden does not', async () => {
    const it = await authenticated({ retryDelay: () => 20_000 });
    FakeSocket.last.end(1006);
    show(false);
    expect(it.chat.status.retryInMs).toBe(20_000);
    show(true);
    show(true);
    expect(it.chat.status.retryInMs).toBe(500);
    await pass(500);
    expect(FakeSocket.all.length).toBe(2);
    await pass(600);
    expect(FakeSocket.all.length).toBe(2);
  });

  test('keeps the moment that the server gave', async () => {
    const it = await authenticated();
    FakeSocket.last.say(envelope('going_away', { reconnect_after_ms: 12_345 }));
    FakeSocket.last.end(1001, 'Server shutting down');
    turn(true);
    show(true);
    expect(it.chat.status.retryInMs).toBe(12_345);
  });

  test('never makes a wait longer', async () => {
    const it = await reconnecting();
    await pass(400);
    turn(true);
    expect(it.chat.status.retryInMs).toBe(100);
  });

  test('starts no second refresh while one runs', async () => {
    const it = await authenticated();
    it.refreshToken.mockReturnValue(new Promise(() => {}));
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    turn(true);
    show(true);
    await pass(2_000);
    expect(it.refreshToken).toHaveBeenCalledTimes(1);
  });

  test('is not listened to once it is closed', async () => {
    const it = await reconnecting();
    it.chat.close();
    turn(true);
    show(true);
    await pass(60_000);
    expect(FakeSocket.all.length).toBe(1);
  });
});
