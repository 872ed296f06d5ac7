// The core: a connection. `@vestibule/client/tokens` keeps its tokens, `…/storage` what is unsent,
// `…/texts` has what users read, and `…/react` builds on all.

export { ChatConnection } from './connection.js';
export { adviceFor, CLOSES, type Advice, type CloseInfo } from './closes.js';
export type { Off } from './emitter.js';
export { ChatError, SignedOutError, type ChatErrorCode } from './errors.js';
export { MACHINE } from './machine.js';
export type { Action, Event as MachineEvent, State, Step } from './machine.js';
export type * from './messages.js';
export type * from './types.js';
