// A network that dies without a word: found out by asking, in the time of a fake clock.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { acknowledgement, authenticated, authenticating, FakeSocket } from './support.js';
import { pass, refusal, reopen, reset, settle, update, type World } from './support.js';

let browser: EventTarget;
let page: EventTarget & { hidden: boolean };

beforeEach(() => {
  reset();
  [browser, page] = [new EventTarget(), Object.assign(new EventTarget(), { hidden: false })];
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', browser.addEventListener.bind(browser));
});
afterEach(() => vi.restoreAllMocks());

async function silent(options = {}): Promise<World> {
  const it = await authenticated(options);
  FakeSocket.last.answersPings = false;
  return it;
}
const isLost = ({ statuses }: World) =>
  statuses.some(({ state, close }) => state === 'reconnecting' && close?.reason === 'No answer');

describe('silence', () => {
  test('of the server’s interval is followed by a ping, and that by the next one', async () => {
    const it = await authenticated();
    await pass(29_999);
    expect(FakeSocket.last.pings).toEqual([]);
    await pass(1);
    expect(FakeSocket.last.pings).toEqual([expect.stringMatching(/^ping_[0-9a-f]{16}$/)]);
    await pass(300_000);
    expect(FakeSocket.last.pings.length).toBe(11);
    expect(new Set(FakeSocket.last.pings).size).toBe(11);
    expect([it.chat.state, FakeSocket.all.length]).toEqual(['authenticated', 1]);
    expect([it.errors, it.chat.unknownMessages]).toEqual([[], 0]);
  });

  test('after a ping ends the socket, 5 s later', async () => {
    const it = await silent();
    await pass(34_999);
    expect(it.chat.state).toBe('authenticated');
    await pass(1);
    expect(isLost(it)).toBe(true);
    expect(it.key()).toBe('no_answer');
    expect(FakeSocket.last.closedWith).toBe(1_000);
    // The next socket is watched as well.
    (await reopen()).accept();
    await pass(30_000);
    expect(FakeSocket.last.pings.length).toBe(1);
  });

  for (const intervalMs of [2_000, 3_000, 10_000, 30_000, 600_000]) {
    test(`is found within two intervals of ${intervalMs} ms, whenever it began`, async () => {
      for (const part of [0, 0.1, 0.35, 0.5, 0.99]) {
        const it = await authenticated({ pingIntervalMs: intervalMs });
        await pass(part * intervalMs);
        FakeSocket.last.answersPings = false;
        FakeSocket.last.say(update({ content: 'The last word' }));
        await pass(2 * intervalMs);
        expect(isLost(it), `${part}`).toBe(true);
        it.chat.close();
      }
    });
  }

  test('is broken by whatever comes', async () => {
    await authenticated();
    for (let n = 0; n < 10; n++) {
      await pass(20_000);
      FakeSocket.last.say(update({ content: 'News' }));
    }
    expect(FakeSocket.last.pings).toEqual([]);
  });

  test('has the length that the server says, or the option', async () => {
    const it = await authenticating();
    const session = { user_id: 'alice', ping_interval_ms: 8_000 };
    FakeSocket.last.accept({ session });
    await pass(8_000);
    expect(FakeSocket.last.pings.length).toBe(1);
    it.chat.close();
    await authenticated({ pingIntervalMs: 10_000 });
    await pass(10_000);
    expect(FakeSocket.last.pings.length).toBe(1);
  });

  test('is asked about where the server itself sends no pings', async () => {
    await authenticating();
    FakeSocket.last.accept({ session: { user_id: 'alice', ping_interval_ms: 0 } });
    await pass(30_000);
    expect(FakeSocket.last.pings.length).toBe(1);
  });

  test('is not asked about where the server does not know the question', async () => {
    const it = await authenticating();
    FakeSocket.last.accept({ session: { user_id: 'alice' } });
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
    await pass(600_000);
    expect(FakeSocket.last.pings).toEqual([]);
    expect(it.chat.state).toBe('authenticated');
  });

  test('with an interval that is no number is a message that cannot be read', async () => {
    const it = await authenticating();
    const id = FakeSocket.last.auths[0]?.id ?? '';
    const session = { user_id: 'alice', ping_interval_ms: 'soon' };
    FakeSocket.last.say(acknowledgement(id, { session }));
    expect(it.errors).toMatchObject([{ code: 'unreadable' }]);
  });
});

describe('an answer', () => {
  test('to an earlier ping, and what lay in a buffer, only buy time', async () => {
    const it = await silent();
    await pass(30_000);
    const [first] = FakeSocket.last.pings;
    FakeSocket.last.pong(first);
    await pass(30_000);
    await pass(4_000);
    FakeSocket.last.pong(first);
    FakeSocket.last.say(update({ content: 'Said before the lid was closed' }));
    await pass(4_999);
    expect(it.chat.state).toBe('authenticated');
    await pass(1);
    expect(isLost(it)).toBe(true);
  });

  test('may be that there were too many pings, which is told to nobody', async () => {
    const it = await silent();
    await pass(30_000);
    FakeSocket.last.say(refusal('rate_limited', FakeSocket.last.pings[0] ?? '', 2_000));
    await pass(10_000);
    expect([it.chat.state, it.errors]).toEqual(['authenticated', []]);
  });
});

describe('a ping is sent at once', () => {
  test('when the browser is online again', async () => {
    const it = await silent();
    browser.dispatchEvent(new Event('online'));
    browser.dispatchEvent(new Event('online'));
    expect(FakeSocket.last.pings.length).toBe(1);
    await pass(5_000);
    expect(isLost(it)).toBe(true);
  });

  test('when the page is looked at', async () => {
    const it = await silent();
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
    expect(FakeSocket.last.pings.length).toBe(1);
    await pass(5_000);
    expect(isLost(it)).toBe(true);
  });

  test('when the machine has slept', async () => {
    const it = await silent();
    await pass(5_000);
    // Timers stood still for an hour, and the clock on the wall did not.
    vi.setSystemTime(Date.now() + 3_600_000);
    await pass(5_000);
    expect(FakeSocket.last.pings.length).toBe(1);
    await pass(5_000);
    expect(isLost(it)).toBe(true);
  });

  test('when the clock is set, which does no harm', async () => {
    const it = await authenticated();
    for (const time of ['1999-01-01', '2040-01-01']) {
      vi.setSystemTime(time);
      await pass(5_000);
    }
    expect(FakeSocket.last.pings.length).toBe(2);
    await settle();
    expect(it.chat.state).toBe('authenticated');
  });
});
