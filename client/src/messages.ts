// The messages of the protocol recipe-chat.v2, as they are on the wire. Types only.
//
// Written by `npm run types` from docs/messages.schema.json, which is made from src/protocol.

/**
 * Lengths are counted in Unicode code points. A field that is not named here is passed over.
 */
export type Message = ClientMessage | ServerMessage;
/**
 * Every message that a client sends.
 */
export type ClientMessage = Auth | ClientChatMessage | Ping;
/**
 * Every message that the server sends.
 */
export type ServerMessage =
  AuthRequired | ServerChatMessage | RecipeUpdate | Pong | Presence | GoingAway | ErrorMessage;
/**
 * Why a fresh `auth` is asked for.
 */
export type ReauthReason = 'token_expiring' | 'session_age' | 'requested';
/**
 * Who wrote an answer.
 */
export type UpdateSource = 'model';
/**
 * Why one message was not done. The connection goes on.
 */
export type ErrorCode =
  | 'invalid_json'
  | 'invalid_message'
  | 'rate_limited'
  | 'backend_unavailable'
  | 'backend_timeout'
  | 'not_delivered'
  | 'internal';

/**
 * Who it is: the first message on a connection, and the answer to `auth_required`.
 */
export interface Auth {
  /**
   * The discriminator.
   */
  type: 'auth';
  /**
   * Unique within its sender. Each `auth` needs a fresh one; a chat message that is sent again
   * keeps its own.
   */
  id: string;
  /**
   * An RFC 3339 date-time, whose offset may be left out. It is checked for its form, never used.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: AuthPayload;
}
/**
 * Who it is: the first message on a connection, and the answer to `auth_required`.
 */
export interface AuthPayload {
  /**
   * A JWT in the compact form.
   */
  token: string;
  /**
   * In the first `auth` of a connection, true: the server sends `presence` messages.
   */
  presence?: boolean;
  /**
   * In the first `auth` of a connection, an object: the client supports resuming.
   */
  resume?: ResumeRequest;
}
/**
 * A client that supports resuming, and where it stands.
 */
export interface ResumeRequest {
  /**
   * The last memo that it has got, when it comes back.
   */
  memo?: string;
  /**
   * The last position that it has got, when it comes back.
   */
  position?: string;
}
/**
 * What a user says in the room.
 */
export interface ClientChatMessage {
  /**
   * The discriminator.
   */
  type: 'chat_message';
  /**
   * Unique within its sender. Each `auth` needs a fresh one; a chat message that is sent again
   * keeps its own.
   */
  id: string;
  /**
   * An RFC 3339 date-time, whose offset may be left out. It is checked for its form, never used.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: ClientChatMessagePayload;
}
/**
 * What a user says in the room.
 */
export interface ClientChatMessagePayload {
  /**
   * 1 to 16,384 characters.
   */
  content: string;
  /**
   * Any object, nested at most 32 deep; it is forwarded as it is.
   */
  data?: {
    [k: string]: unknown;
  };
}
/**
 * Asks for a `pong`. All but the type may be left out.
 */
export interface Ping {
  /**
   * The discriminator.
   */
  type: 'ping';
  /**
   * The `pong` has it as its `request_id`.
   */
  id?: string;
}
/**
 * Send a fresh `auth`, on this connection, before the deadline.
 */
export interface AuthRequired {
  /**
   * The discriminator.
   */
  type: 'auth_required';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: AuthRequiredPayload;
}
/**
 * Send a fresh `auth`, on this connection, before the deadline.
 */
export interface AuthRequiredPayload {
  /**
   * For programs.
   */
  reason: ReauthReason;
  /**
   * For people.
   */
  message: string;
  /**
   * After this: 1008 `Re-authentication timeout`. The time left is its difference to the
   * message's own `timestamp`.
   */
  deadline: string;
}
/**
 * What somebody else in the room said.
 */
export interface ServerChatMessage {
  /**
   * The discriminator.
   */
  type: 'chat_message';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: ServerChatMessagePayload;
}
/**
 * What somebody else in the room said.
 */
export interface ServerChatMessagePayload {
  /**
   * As it was sent.
   */
  content: string;
  /**
   * The sender's `sub`.
   */
  user_id: string;
  /**
   * As it was sent, where it was.
   */
  data?: {
    [k: string]: unknown;
  };
  /**
   * Its place among the room's messages, where the room keeps them.
   */
  position?: string;
}
/**
 * The acknowledgement of an `auth`, the answer to a chat message, or news of the recipe.
 */
export interface RecipeUpdate {
  /**
   * The discriminator.
   */
  type: 'recipe_update';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: RecipeUpdatePayload;
}
/**
 * The acknowledgement of an `auth`, the answer to a chat message, or news of the recipe.
 */
export interface RecipeUpdatePayload {
  /**
   * The message that this answers; null when nobody asked.
   */
  request_id: string | null;
  /**
   * Text for people.
   */
  content: string;
  /**
   * The whole recipe in the application's form, or null when it did not change.
   */
  recipe_data: unknown;
  /**
   * In acknowledgements only, where the application keeps a history: the room's last messages,
   * the oldest first.
   */
  history?: HistoryEntry[];
  /**
   * With `resumed` true: how many messages follow that it has missed.
   */
  missed?: number;
  /**
   * In news of the recipe, and in answers to clients that support resuming: the position of the
   * room behind this message.
   */
  position?: string;
  /**
   * In the first acknowledgement of a connection that asked to resume: whether it gets what it has
   * missed. If not, it begins anew with what this message says.
   */
  resumed?: boolean;
  /**
   * In acknowledgements only.
   */
  session?: Session;
  /**
   * Who wrote the answer, where that was not the application by its own rules.
   */
  source?: UpdateSource;
}
/**
 * A message that was said before this connection came. The application writes it.
 */
export interface HistoryEntry {
  /**
   * The message's id.
   */
  id: string;
  /**
   * The sender's `sub`.
   */
  user_id: string;
  /**
   * As it was sent.
   */
  content: string;
  /**
   * When it was said.
   */
  timestamp: string;
  /**
   * What the application answered.
   */
  reply: string | null;
  /**
   * Who wrote the reply, where that was not the application by its own rules.
   */
  source?: UpdateSource;
}
/**
 * Who the client is now, and for how long.
 */
export interface Session {
  /**
   * The token's `sub`.
   */
  user_id: string;
  /**
   * The token's `exp`.
   */
  expires_at: string;
  /**
   * When `auth_required` will come; never in the past.
   */
  reauth_at: string;
  /**
   * After so much silence the server sends a WebSocket ping, in milliseconds; 0: it sends none.
   */
  ping_interval_ms: number;
  /**
   * How to come back after a connection that is lost; only for clients that support resuming.
   */
  reconnect?: Reconnect;
  /**
   * For clients that support resuming, where the server does.
   */
  resume?: Resume;
}
/**
 * When a client may come back that was told no moment of its own.
 */
export interface Reconnect {
  /**
   * The first attempt is at a random moment within this time, in milliseconds.
   */
  within_ms: number;
}
/**
 * What a client that comes back gives, and until when.
 */
export interface Resume {
  /**
   * To be given when the client comes back, beside its token: it saves the server work.
   */
  memo: string;
  /**
   * For so long the room's last messages are kept once its last member has left, in milliseconds.
   */
  window_ms: number;
  /**
   * Where the room stands; not on a re-authentication. Each later message to the room has its own.
   */
  position?: string;
}
/**
 * The answer to a `ping`.
 */
export interface Pong {
  /**
   * The discriminator.
   */
  type: 'pong';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: PongPayload;
}
/**
 * The answer to a `ping`.
 */
export interface PongPayload {
  /**
   * The `ping` that this answers; null when it had no id.
   */
  request_id: string | null;
}
/**
 * Who is in the room, for clients that asked for it in their `auth`.
 */
export interface Presence {
  /**
   * The discriminator.
   */
  type: 'presence';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: PresencePayload;
}
/**
 * Who is in the room, for clients that asked for it in their `auth`.
 */
export interface PresencePayload {
  /**
   * The `sub` of each user, once, in the order of their bytes; null in a room of more than
   * `limits.presence_members` connections.
   */
  users: string[] | null;
  /**
   * The connections in the room, all of these users' together.
   */
  connections: number;
}
/**
 * The connection will be closed next, for a reason that affects many. Only for clients that support
 * resuming.
 */
export interface GoingAway {
  /**
   * The discriminator.
   */
  type: 'going_away';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: GoingAwayPayload;
}
/**
 * The connection will be closed next, for a reason that affects many. Only for clients that support
 * resuming.
 */
export interface GoingAwayPayload {
  /**
   * When this client may come back, in milliseconds from now: a moment of its own.
   */
  reconnect_after_ms: number;
  /**
   * If that attempt fails, the next one is at a random moment within this time, in milliseconds.
   * It replaces that of the last acknowledgement. Missing: that one remains.
   */
  within_ms?: number;
}
/**
 * One message was not done; the connection goes on.
 */
export interface ErrorMessage {
  /**
   * The discriminator.
   */
  type: 'error';
  /**
   * Unique within its sender; the server's own are UUIDv7.
   */
  id: string;
  /**
   * By the server's clock, in UTC.
   */
  timestamp: string;
  /**
   * What is said.
   */
  payload: ErrorPayload;
}
/**
 * One message was not done; the connection goes on.
 */
export interface ErrorPayload {
  /**
   * For programs.
   */
  error: ErrorCode;
  /**
   * For people; names the field at fault.
   */
  message: string;
  /**
   * The message that this answers; null when it had no usable id.
   */
  request_id: string | null;
  /**
   * With `rate_limited`: when one more will be taken, in milliseconds.
   */
  retry_after_ms?: number;
}
