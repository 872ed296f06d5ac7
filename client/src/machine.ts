// The states of a connection, as a table: what is not in it does not happen.
//
//              open         acknowledged
// connecting ──────▶ authenticating ──────▶ authenticated ◀─┐ auth_required,
//     ▲ │                  │                      │      └───┘ acknowledged, tokenless
//     │ └─────────┬────────┴──────────────────────┘
//     │ retry     ▼ lost, stale, limited, offline
//     └──── reconnecting                                 refused, close: from anywhere ──▶ closed

/** Where a connection is. */
export type State = 'connecting' | 'authenticating' | 'authenticated' | 'reconnecting' | 'closed';

/** What can happen to it. */
export type Event =
  /** The embedder wants to be connected, now. */
  | 'connect'
  /** The socket is open. */
  | 'open'
  /** The server accepted our last `auth`. */
  | 'acknowledged'
  /** The server wants a new `auth`. */
  | 'auth_required'
  /** The socket ended, did not open, or does not answer; trying again may help. */
  | 'lost'
  /** The browser has no network. */
  | 'offline'
  /** The network or the user is back. */
  | 'wake'
  /** The socket ended because the token is too old. */
  | 'stale'
  /** No token could be had; trying again may help. */
  | 'tokenless'
  /** The socket ended because of a limit that takes a minute to recover. */
  | 'limited'
  /** The socket ended, and would end again; or the user has to sign in. */
  | 'refused'
  /** The wait is over. */
  | 'retry'
  /** The embedder is done. */
  | 'close';

/** What the connection does about it. */
export type Action =
  | 'dial'
  | 'authenticate'
  | 'welcome'
  | 'reauthenticate'
  | 'renewed'
  | 'back_off'
  | 'refresh'
  | 'wait_a_minute'
  | 'wait_anew'
  | 'end';

/** The next state and what to do on the way. */
export type Step = readonly [next: State, action: Action];

type Steps = Readonly<Partial<Record<Event, Step>>>;

const DIAL: Step = ['connecting', 'dial'];
const BACK_OFF: Step = ['reconnecting', 'back_off'];
const REFRESH: Step = ['reconnecting', 'refresh'];
const WAIT_ANEW: Step = ['reconnecting', 'wait_anew'];
const REAUTHENTICATE: Step = ['authenticated', 'reauthenticate'];
const END: Step = ['closed', 'end'];

const UNDER_WAY: Steps = {
  lost: BACK_OFF,
  offline: BACK_OFF,
  stale: REFRESH,
  limited: ['reconnecting', 'wait_a_minute'],
  refused: END,
  close: END,
};

/** Every state, and the events that mean something in it. */
export const MACHINE: Readonly<Record<State, Steps>> = {
  connecting: { ...UNDER_WAY, open: ['authenticating', 'authenticate'], tokenless: BACK_OFF },
  authenticating: { ...UNDER_WAY, acknowledged: ['authenticated', 'welcome'] },
  authenticated: {
    ...UNDER_WAY,
    acknowledged: ['authenticated', 'renewed'],
    auth_required: REAUTHENTICATE,
    tokenless: REAUTHENTICATE,
  },
  reconnecting: {
    connect: DIAL,
    retry: DIAL,
    offline: WAIT_ANEW,
    wake: WAIT_ANEW,
    tokenless: REFRESH,
    refused: END,
    close: END,
  },
  closed: { connect: DIAL },
};
