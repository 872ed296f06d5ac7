// The states of a connection, as a table: what is not in it does not happen.
//
//              open         acknowledged
// connecting ──────▶ authenticating ──────▶ authenticated ◀─┐ auth_required,
//     ▲ │                  │                      │      └───┘ acknowledged
//     │ └─────────┬────────┴──────────────────────┘
//     │ retry     ▼ lost, stale, limited, timeout
//     └──── reconnecting                        refused, expired, close: from anywhere ──▶ closed

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
  /** The socket ended, or did not open; trying again may help. */
  | 'lost'
  /** The socket ended because the token is too old. */
  | 'stale'
  /** The socket ended because of a limit that takes a minute to recover. */
  | 'limited'
  /** The socket ended, and would end again. */
  | 'refused'
  /** There is no token to be had: the user has to sign in. */
  | 'expired'
  /** An answer that must come did not. */
  | 'timeout'
  /** The wait is over, or cut short by the network or the user coming back. */
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
  | 'end';

/** The next state and what to do on the way; null: the event means nothing in this state. */
export type Step = readonly [next: State, action: Action] | null;

const DIAL: Step = ['connecting', 'dial'];
const BACK_OFF: Step = ['reconnecting', 'back_off'];
const REFRESH: Step = ['reconnecting', 'refresh'];
const MINUTE: Step = ['reconnecting', 'wait_a_minute'];
const END: Step = ['closed', 'end'];

/** Every state and every event. */
export const MACHINE: Readonly<Record<State, Readonly<Record<Event, Step>>>> = {
  connecting: {
    connect: null,
    open: ['authenticating', 'authenticate'],
    acknowledged: null,
    auth_required: null,
    lost: BACK_OFF,
    stale: REFRESH,
    limited: MINUTE,
    refused: END,
    expired: END,
    timeout: BACK_OFF,
    retry: null,
    close: END,
  },
  authenticating: {
    connect: null,
    open: null,
    acknowledged: ['authenticated', 'welcome'],
    auth_required: null,
    lost: BACK_OFF,
    stale: REFRESH,
    limited: MINUTE,
    refused: END,
    expired: END,
    timeout: BACK_OFF,
    retry: null,
    close: END,
  },
  authenticated: {
    connect: null,
    open: null,
    acknowledged: ['authenticated', 'renewed'],
    auth_required: ['authenticated', 'reauthenticate'],
    lost: BACK_OFF,
    stale: REFRESH,
    limited: MINUTE,
    refused: END,
    expired: END,
    timeout: BACK_OFF,
    retry: null,
    close: END,
  },
  reconnecting: {
    connect: DIAL,
    open: null,
    acknowledged: null,
    auth_required: null,
    lost: null,
    // The refresh did not get through: it is tried again.
    stale: REFRESH,
    limited: null,
    refused: null,
    expired: END,
    timeout: null,
    retry: DIAL,
    close: END,
  },
  closed: {
    connect: DIAL,
    open: null,
    acknowledged: null,
    auth_required: null,
    lost: null,
    stale: null,
    limited: null,
    refused: null,
    expired: null,
    timeout: null,
    retry: null,
    close: null,
  },
};
