// Every text that a user may see, in one table: translate it as a whole, or replace single rows.

/** The rows of the table of texts. */
export type TextKey = keyof typeof TEXTS;

/** A table like `TEXTS` in another language. */
export type Texts = Readonly<Record<TextKey, string>>;

/** What users read, in English. */
export const TEXTS = {
  connecting: 'Connecting…',
  authenticating: 'Authenticating…',
  authenticated: 'Connected',
  reauthenticating: 'Refreshing connection…',
  reconnecting: 'Connection lost. Reconnecting…',
  unreachable: 'The server cannot be reached. Still trying…',
  refreshing: 'Session expired. Refreshing…',
  restarting: 'The server is restarting. Reconnecting…',
  no_answer: 'The server does not answer. Reconnecting…',
  busy: 'The server is busy. Reconnecting…',
  fault: 'The server had a fault. Reconnecting…',
  too_fast: 'Too many requests. Reconnecting in a minute…',
  too_many_connections: 'Open in too many places. Reconnecting in a minute…',
  disconnected: 'Disconnected',
  auth_failed: 'Authentication failed. Please try again.',
  expired: 'Session expired. Please sign in again.',
  other_user: 'Signed in as somebody else. Please reload the page.',
  revoked: 'You were signed out. Please sign in again.',
  denied: 'This recipe was not found, or you have no access to it.',
  too_large: 'A message was too long. Please shorten it and try again.',
  broken: 'Something went wrong. Please reload the page.',
} as const;
