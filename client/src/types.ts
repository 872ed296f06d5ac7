// What goes into a connection, and what it tells.

import type { CloseInfo } from './closes.js';
import type { ChatError } from './errors.js';
import type { State } from './machine.js';
import type {
  ClientChatMessage,
  PresencePayload,
  ReauthReason,
  RecipeUpdate,
  ServerChatMessage,
} from './messages.js';

export type Token = string | null | undefined;

/** Where tokens come from. `tokenKeeper` makes one; any pair of functions will do. */
export interface Credentials {
  /** The access token to use; null or undefined: there is none, and `refreshToken` is asked. */
  getToken: () => Token | Promise<Token>;
  /**
   * A newer access token than this one; null or undefined: the user has to sign in. Without it
   * `getToken` is asked again. Both may throw `SignedOutError` for the same; after anything else
   * that they throw, they are asked again. A `retryAfterMs` of what is thrown is waited for.
   */
  refreshToken?: ((stale: string | null) => Token | Promise<Token>) | undefined;
}

export interface ChatOptions extends Credentials {
  /**
   * The server, such as `wss://chat.example.com`; `https:` is taken as `wss:`. One without scheme
   * and host, such as `/`, is the page's. It may be the whole address, `/v1/chat/ID`.
   */
  url: string | URL;
  /** 1 to 128 characters of `A-Z a-z 0-9 . _ ~ -`. */
  recipeId: string;
  /** Asks the server who is in the room, which it tells by the event `presence`. Default false. */
  presence?: boolean | undefined;
  /** Messages that may wait for an answer. Default 32, as many as the server tells repeated. */
  maxQueue?: number | undefined;
  /**
   * Keeps messages without an answer for the user's next connection to this recipe: `memoryOutbox`
   * and `sessionOutbox` of `@vestibule/client/storage`. Default: none outlives its connection.
   */
  outbox?: OutboxStore | undefined;
  /**
   * Who is signed in, if that is known before the server says it: messages are kept under it from
   * the start. They are never sent for a user of another id.
   */
  userId?: string | undefined;
  /** For the socket to open. Default 10,000. */
  openTimeoutMs?: number | undefined;
  /** For the server to accept the `auth`. Default 5,000. */
  authTimeoutMs?: number | undefined;
  /** For `getToken` and `refreshToken`, each. Default 10,000. */
  tokenTimeoutMs?: number | undefined;
  /** Silence after which the server is sent a `ping`. Default: the server's own interval. */
  pingIntervalMs?: number | undefined;
  /** For the answer to a `ping`, after which the socket is given up. Default 5,000. */
  pongTimeoutMs?: number | undefined;
  /** The longest first wait before connecting again; it doubles each time. Default 1,000. */
  minRetryMs?: number | undefined;
  /** The longest wait of all. Default 30,000. */
  maxRetryMs?: number | undefined;
  /**
   * How long to wait instead, in milliseconds: for the `attempt`th time in a row, from 0 on, after
   * this end. A wait that the server announced is never made shorter.
   */
  retryDelay?: ((attempt: number, close: CloseInfo | null) => number) | undefined;
  /** Is told each event of the state machine, with the status after it: `console.debug`. */
  debug?: ((event: string, status: Status) => void) | undefined;
  /** Default: the global one. Node.js has it since 22; before that, pass the one of `ws`. */
  WebSocket?: WebSocketConstructor | undefined;
}

/** A message without an answer. */
export interface Unsent {
  readonly message: ClientChatMessage;
  /** When it was first sent, in milliseconds since 1970 by this machine's clock; 0: never. */
  readonly sentAt: number;
}

/** Where unsent messages are kept, by room (its URL) and user. */
export interface OutboxStore {
  /** The oldest first. */
  load(room: string, user: string): readonly Unsent[];
  /** Keeps a message, or replaces what is kept of it. */
  put(room: string, user: string, unsent: Unsent): void;
  remove(room: string, user: string, id: string): void;
}

/** As much of `WebSocket` as is used. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** How things stand. It is replaced, never changed. */
export interface Status {
  readonly state: State;
  /** The server asked for a new token, and it is on its way. Chat goes on. */
  readonly reauthenticating: boolean;
  /** Why it is not connected; null once authenticated, and at a new start. */
  readonly close: CloseInfo | null;
  /** What `getToken` or `refreshToken` threw last, until one of them succeeds; else null. */
  readonly cause: unknown;
  /** Two sockets in a row did not open. */
  readonly unreachable: boolean;
  /** While `reconnecting`: the length of the wait, counted from this status on. */
  readonly retryInMs: number | null;
  /** The server has asked for this wait: `connect` does not cut it short. */
  readonly announced: boolean;
}

/** A `recipe_update` whose recipe is of a known type. */
export type Update<Recipe> = RecipeUpdate & { payload: { recipe_data: Recipe | null } };

/** What an embedder's own clients say beside the text: any JSON object. */
export type Json = Record<string, unknown>;

/** A `chat_message` whose data is of a known type. The type is not checked: others may send it. */
export type Said<Data> = ServerChatMessage & { payload: { data?: Data } };

/** A message of a type that this client does not know: a newer server's. It is ignored. */
export interface UnknownMessage {
  readonly type: string;
  readonly id: string;
  readonly timestamp: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface ReauthEvent {
  readonly reauthenticating: boolean;
  readonly reason: ReauthReason;
}

export interface ResumedEvent {
  /**
   * What was missed in the room follows as `message`s, and nothing else has changed. Otherwise the
   * room's state is in the acknowledgement, and of what was said meanwhile what its history has.
   */
  readonly resumed: boolean;
  /** How many messages follow. */
  readonly missed: number;
}

export interface ChatEvents<Recipe, Data = Json> {
  /** The status changed. */
  state: Status;
  /** Somebody in the room said something, or the server did: answers and acknowledgements, too. */
  message: Said<Data> | Update<Recipe>;
  /** Something was refused; the connection goes on. */
  error: ChatError;
  /** A re-authentication began or ended. */
  reauth: ReauthEvent;
  /** It is connected again, and goes on where it was or begins anew. */
  resumed: ResumedEvent;
  /** Somebody joined or left, if the option `presence` is set. */
  presence: PresencePayload;
  /** Something of an unknown type came and was ignored: for those who look for a fault. */
  unknown: UnknownMessage;
}
