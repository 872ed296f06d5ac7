// The messages of the protocol recipe-chat.v2, as they are on the wire. Types only.

/** The first message on a connection, and the answer to `auth_required`. */
export type Auth = {
  type: 'auth';
  id: string;
  timestamp: string;
  payload: AuthPayload;
};

export type AuthPayload = {
  /** A JWT in the compact form. */
  token: string;
};

/** What a user says. */
export type ClientChatMessage = {
  type: 'chat_message';
  id: string;
  timestamp: string;
  payload: ClientChatMessagePayload;
};

export type ClientChatMessagePayload = {
  /** 1 to 16,384 characters. */
  content: string;
};

/** Every message that a client sends. */
export type ClientMessage = Auth | ClientChatMessage;

/** The server asks for a new `auth` on the same connection. */
export type AuthRequired = {
  type: 'auth_required';
  id: string;
  timestamp: string;
  payload: AuthRequiredPayload;
};

export type AuthRequiredPayload = {
  reason: ReauthReason;
  message: string;
  /** RFC 3339; the time left is its difference to the message's own `timestamp`. */
  deadline: string;
};

export type ReauthReason = 'token_expiring' | 'session_age' | 'requested';

/** What somebody else in the room said. */
export type ServerChatMessage = {
  type: 'chat_message';
  id: string;
  timestamp: string;
  payload: ServerChatMessagePayload;
};

export type ServerChatMessagePayload = {
  content: string;
  user_id: string;
};

/** An answer, an acknowledgement of an `auth`, or news that nobody asked for. */
export type RecipeUpdate = {
  type: 'recipe_update';
  id: string;
  timestamp: string;
  payload: RecipeUpdatePayload;
};

export type RecipeUpdatePayload = {
  /** The message that this answers; null where nobody asked. */
  request_id: string | null;
  /** Text for people. */
  content: string;
  /** The whole recipe in the application's form; null when it did not change. */
  recipe_data: unknown;
  /** In acknowledgements only. */
  session?: Session;
  /** In the first acknowledgement only, the oldest first. */
  history?: HistoryEntry[];
};

export type Session = {
  user_id: string;
  expires_at: string;
  reauth_at: string;
};

export type HistoryEntry = {
  id: string;
  user_id: string;
  content: string;
  timestamp: string;
  reply: string | null;
};

/** Something was refused; the connection goes on. */
export type ErrorMessage = {
  type: 'error';
  id: string;
  timestamp: string;
  payload: ErrorPayload;
};

export type ErrorPayload = {
  error: ErrorCode;
  /** Text for people. */
  message: string;
  request_id: string | null;
  /** Always there with `rate_limited`. */
  retry_after_ms?: number;
};

export type ErrorCode =
  | 'invalid_json'
  | 'invalid_message'
  | 'unknown_type'
  | 'rate_limited'
  | 'backend_unavailable'
  | 'backend_timeout'
  | 'internal';

/** Every message that the server sends. */
export type ServerMessage = AuthRequired | ServerChatMessage | RecipeUpdate | ErrorMessage;
