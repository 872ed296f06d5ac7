// The core: a connection, and the tokens for it. `@vestibule/client/react` builds on this.

export { ChatConnection } from './connection.js';
export { CLOSES, closeRow, type Advice, type CloseInfo, type CloseRow } from './closes.js';
export type { Off } from './emitter.js';
export { ChatError, Unreachable, type ChatErrorCode } from './errors.js';
export { MACHINE } from './machine.js';
export type { Action, Event as MachineEvent, State, Step } from './machine.js';
export {
  localStorageStore,
  memoryStore,
  refreshTokenStore,
  tokenKeeper,
  type StoredTokens,
  type TokenKeeper,
  type TokenKeeperOptions,
  type Tokens,
  type TokenStore,
} from './tokens.js';
export { TEXTS, type TextKey, type Texts } from './texts.js';
export type * from './messages.js';
export type * from './types.js';
