// What goes wrong while the connection goes on. No text here ever holds a token.

import type { ErrorCode } from './messages.js';

/** The server's error codes, and those of this client. */
export type ChatErrorCode =
  | ErrorCode
  /** More messages wait for an answer than `maxQueue`. */
  | 'queue_full'
  /** The message is empty, or too long for the protocol: it was not sent. */
  | 'invalid_content'
  /** The connection is closed; whether a message that was sent was handled is not known. */
  | 'closed'
  /** The connection is closed; the message is kept, and sent by the user's next one. */
  | 'kept'
  /** The connection was away for so long that sending again might do the message twice. */
  | 'outcome_unknown'
  /** `getToken` or `refreshToken` failed, as `cause` says. It is tried again. */
  | 'token_unavailable'
  /** There is no `WebSocket` here, or it must not be used: the message says what to do. */
  | 'unsupported'
  /** The server said something that is not of this protocol. */
  | 'unreadable';

/** A refused message. Every one is an `error` event, and most reject a promise of `send`, too. */
export class ChatError extends Error {
  override readonly name = 'ChatError';

  constructor(
    readonly code: ChatErrorCode,
    message: string,
    /** The id of the message that was refused; null where it is not about one. */
    readonly requestId: string | null = null,
    /** With `rate_limited`: how long to wait before sending again, in milliseconds. */
    readonly retryAfterMs: number | null = null,
    /** With `token_unavailable` and `unsupported`: what was thrown. */
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** With `unsupported`. */
export const NO_WEBSOCKET =
  'No WebSocket, as `cause` says. Node.js has it since 22; else pass the option `WebSocket`';

/**
 * Throw this from `getToken` or `refreshToken` when the user has to sign in. Whatever else they
 * throw is a fault that passes, and they are asked again.
 */
export class SignedOutError extends Error {
  override readonly name = 'SignedOutError';
}
