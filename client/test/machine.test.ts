import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { MACHINE, type Event, type State } from '../src/machine.js';
import {
  authenticated,
  authenticating,
  authRequired,
  connecting,
  FakeSocket,
  pass,
  reconnecting,
  reset,
  settle,
  world,
  type World,
} from './support.js';

const STATES: State[] = ['connecting', 'authenticating', 'authenticated', 'reconnecting', 'closed'];

/** `-`: nothing happens. Else `next/action`. Columns are in the order of `STATES`. */
const TABLE = `
connect        -                            -                           -                             connecting/dial         connecting/dial
open           authenticating/authenticate  -                           -                             -                       -
acknowledged   -                            authenticated/welcome       authenticated/renewed         -                       -
auth_required  -                            -                           authenticated/reauthenticate  -                       -
lost           reconnecting/back_off        reconnecting/back_off       reconnecting/back_off         -                       -
offline        reconnecting/back_off        reconnecting/back_off       reconnecting/back_off         reconnecting/wait_anew  -
wake           -                            -                           -                             reconnecting/wait_anew  -
stale          reconnecting/refresh         reconnecting/refresh        reconnecting/refresh          -                       -
tokenless      reconnecting/back_off        -                           authenticated/reauthenticate  reconnecting/refresh    -
limited        reconnecting/wait_a_minute   reconnecting/wait_a_minute  reconnecting/wait_a_minute    -                       -
refused        closed/end                   closed/end                  closed/end                    closed/end              -
retry          -                            -                           -                             connecting/dial         -
close          closed/end                   closed/end                  closed/end                    closed/end              -
`;
const ROWS = TABLE.trim().split('\n').map((line) => line.trim().split(/\s+/));

describe('the table', () => {
  for (const [event, ...cells] of ROWS) {
    for (const [column, state] of STATES.entries()) {
      test(`${state} × ${event} is ${cells[column]}`, () => {
        const step = MACHINE[state][event as Event];
        expect(step?.join('/') ?? '-').toBe(cells[column]);
      });
    }
  }

  test('has no states and events but these', () => {
    expect(Object.keys(MACHINE)).toEqual(STATES);
    const events = ROWS.map(([event]) => event);
    for (const state of STATES) {
      for (const event of Object.keys(MACHINE[state])) expect(events).toContain(event);
    }
  });

  test('has a way to closed from everywhere, and a way back', () => {
    for (const state of STATES) {
      const isClosable = state === 'closed' || MACHINE[state].close?.[0] === 'closed';
      expect(isClosable).toBe(true);
    }
    expect(MACHINE.closed.connect?.[0]).toBe('connecting');
  });
});

const browser = new EventTarget();

/** What makes each event happen to a real connection, as far as its state lets it. */
const CAUSES: Record<Event, (it: World) => unknown> = {
  connect: (it) => it.chat.connect(),
  open: () => FakeSocket.last.open(),
  acknowledged: () => FakeSocket.last.accept(),
  auth_required: () => FakeSocket.last.say(authRequired()),
  lost: () => FakeSocket.last.end(1006),
  stale: () => FakeSocket.last.end(1008, 'Token expired'),
  limited: () => FakeSocket.last.end(1008, 'Too many auth attempts'),
  refused: () => FakeSocket.last.end(1008, 'Session revoked'),
  tokenless: async (it) => {
    it.refreshToken.mockRejectedValue(new TypeError('fetch failed'));
    FakeSocket.last.say(authRequired());
    await settle();
  },
  offline: () => browser.dispatchEvent(new Event('offline')),
  wake: () => browser.dispatchEvent(new Event('online')),
  retry: () => pass(500),
  close: (it) => it.chat.close(),
};

const ARRANGE: Record<State, () => Promise<World>> = {
  connecting,
  authenticating,
  authenticated,
  reconnecting,
  closed: async () => {
    const it = await connecting();
    it.chat.close();
    return it;
  },
};

describe('a connection follows the table', () => {
  beforeEach(() => {
    reset();
    vi.stubGlobal('addEventListener', browser.addEventListener.bind(browser));
  });
  afterEach(() => vi.restoreAllMocks());

  for (const [event, ...cells] of ROWS) {
    for (const [column, state] of STATES.entries()) {
      const cell = cells[column] ?? '-';
      // These come only by way of a refresh: see below.
      if (event === 'tokenless' && state !== 'authenticated') continue;
      if (event === 'refused' && state === 'reconnecting') continue;
      test(`in ${state}, ${event}: ${cell}`, async () => {
        const it = await ARRANGE[state]();
        const before = it.statuses.length;
        await CAUSES[event as Event](it);
        const [next] = cell.split('/');
        const seen = it.statuses.slice(before).map((status) => status.state);
        if (cell === '-') expect(seen).toEqual([]);
        else expect(seen[0]).toBe(next);
      });
    }
  }

  test('in reconnecting, refused: closed/end', async () => {
    const it = await authenticated();
    let refuse = () => {};
    it.refreshToken.mockReturnValue(new Promise((resolve) => (refuse = () => resolve(null))));
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    expect(it.chat.state).toBe('reconnecting');
    refuse();
    await settle();
    expect(it.chat.state).toBe('closed');
  });

  test('in reconnecting, tokenless: reconnecting/refresh', async () => {
    const it = await authenticated();
    it.refreshToken.mockRejectedValueOnce(new TypeError('fetch failed'));
    FakeSocket.last.end(1008, 'Token expired');
    await settle();
    expect(it.statuses.slice(-2).map((s) => s.state)).toEqual(['reconnecting', 'reconnecting']);
    expect(it.chat.status.retryInMs).toBe(1_000);
    await pass(1_000);
    expect(it.refreshToken).toHaveBeenCalledTimes(2);
    expect(it.chat.state).toBe('connecting');
  });

  test('in connecting, tokenless: reconnecting/back_off', async () => {
    const it = world({ getToken: () => Promise.reject(new TypeError('fetch failed')) });
    it.chat.connect();
    await settle();
    expect(it.chat.status).toMatchObject({ state: 'reconnecting', retryInMs: 500 });
  });

  test('in reconnecting, a late end of the earlier socket is not heard', async () => {
    const it = await reconnecting();
    FakeSocket.last.end(1008, 'Token expired');
    FakeSocket.last.end(1008, 'Invalid token');
    expect(it.chat.state).toBe('reconnecting');
    expect(it.refreshToken).not.toHaveBeenCalled();
  });

  test('nothing happens before it is asked to connect', async () => {
    const it = world();
    await pass(60_000);
    expect(it.chat.status).toMatchObject({ state: 'closed' });
    expect(it.key()).toBe('disconnected');
    expect(FakeSocket.all).toEqual([]);
    expect(it.getToken).not.toHaveBeenCalled();
  });

  test('a listener may close it in the middle of a step', async () => {
    const it = await authenticating();
    it.chat.on('state', (status) => {
      if (status.state === 'authenticated') it.chat.close();
    });
    void it.chat.send('Hello');
    FakeSocket.last.accept();
    expect(it.chat.state).toBe('closed');
    expect(FakeSocket.last.chats).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
