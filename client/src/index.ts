// The core: a connection, and the tokens for it. What users read is in `@vestibule/client/texts`;
// `@vestibule/client/react` builds on both.

export { ChatConnection } from './connection.js';
export { adviceFor, CLOSES, type Advice, type CloseInfo } from './closes.js';
export type { Off } from './emitter.js';
export { ChatError, SignedOutError, type ChatErrorCode } from './errors.js';
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
export type * from './messages.js';
export type * from './types.js';
