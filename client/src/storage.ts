// `@vestibule/client/storage`: what a user has said and written, kept until it is sent.

export { draftStore, type DraftStore } from './drafts.js';
export { askBeforeLeaving } from './leaving.js';
export { memoryOutbox, sessionOutbox, type KeptOutbox } from './outbox-stores.js';
