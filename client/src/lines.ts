// What a chat shows, folded from what was said. Pure: lists are replaced, never changed.

import type { ChatError } from './errors.js';
import type { HistoryEntry, RecipeUpdate, ServerChatMessage, UpdateSource } from './messages.js';
import type { Json, Unsent } from './types.js';

/** One thing that was said. */
export interface Line<Data = Json> {
  /** Of the message; a reply has that of what it replies to, and `server` in `from`. */
  readonly id: string;
  readonly from: 'me' | 'others' | 'server';
  /** Who said it; null for the server. */
  readonly userId: string | null;
  readonly content: string;
  /** What came beside the text. */
  readonly data: Data | null;
  /** `pending`: no answer yet. `failed`: `error` says why. */
  readonly state: 'pending' | 'done' | 'failed';
  readonly error: ChatError | null;
  /** Who wrote it, where that was not the application by its own rules. */
  readonly source?: UpdateSource;
}

export type Lines = readonly Line[];

/** The oldest are forgotten first. */
const MAX_LINES = 500;

export function said(
  lines: Lines,
  id: string,
  userId: string | null,
  content: string,
  data: Json | null = null,
): Lines {
  return add(lines, { id, from: 'me', userId, content, data, state: 'pending', error: null });
}

/** Adds what an earlier connection left unsent. */
export function resumed(lines: Lines, unsent: readonly Unsent[], userId: string | null): Lines {
  const known = new Set(lines.filter(({ from }) => from === 'me').map(({ id }) => id));
  const rest = unsent.filter(({ message }) => !known.has(message.id));
  return rest.reduce(
    (all, { message: { id, payload } }) => said(all, id, userId, payload.content, payload.data),
    lines,
  );
}

export function failed(lines: Lines, error: ChatError): Lines {
  return lines.map((line) =>
    line.from === 'me' && line.id === error.requestId ? { ...line, state: 'failed', error } : line,
  );
}

/**
 * `me` is our own user id: the same user may have another tab. A message comes again, under its id,
 * if its sender's connection broke before the answer and the server was started again since.
 */
export function heard(
  lines: Lines,
  chat: ServerChatMessage,
  me: string | null,
  history: readonly HistoryEntry[],
): Lines {
  const { content, user_id: userId, data = null } = chat.payload;
  const from = userId === me ? 'me' : 'others';
  const isIt = (line: Line) =>
    line.id === chat.id && line.from !== 'server' && (from === 'me' || line.userId === userId);
  const isOld = (entry: HistoryEntry) => entry.id === chat.id && entry.user_id === userId;
  if (lines.some(isIt) || history.some(isOld)) return lines;
  return add(lines, { id: chat.id, from, userId, content, data, state: 'done', error: null });
}

/**
 * Answers to what we said, and news. An acknowledgement is nothing that was said; but where the
 * room was entered anew, what its history has not is older, and would be shown behind it.
 */
export function answered(lines: Lines, update: RecipeUpdate): Lines {
  const { request_id, content, session, source, history = [], resumed } = update.payload;
  if (session !== undefined) {
    const isAnew = history.length > 0 && resumed !== true;
    return isAnew ? lines.filter(({ state }) => state !== 'done') : lines;
  }
  const id = request_id ?? update.id;
  const done = lines.map(
    (line): Line => (line.from === 'me' && line.id === id ? { ...line, state: 'done' } : line),
  );
  const reply = { from: 'server', userId: null, data: null, state: 'done', error: null } as const;
  return add(done, { ...reply, id, content, ...(source !== undefined && { source }) });
}

/** What the room's history has is shown there, and only there. `me` is our own user id. */
export function without(lines: Lines, history: readonly HistoryEntry[], me: string | null): Lines {
  // An id is its sender's.
  const nameOf = (user: string | null, id: string) => JSON.stringify([user, id]);
  const known = new Map(history.map((entry) => [nameOf(entry.user_id, entry.id), entry]));
  const isShownThere = ({ id, from, userId, state }: Line) => {
    const entry = known.get(nameOf(from === 'others' ? userId : me, id));
    return from === 'server' ? entry != null && entry.reply !== null : entry && state === 'done';
  };
  return lines.some(isShownThere) ? lines.filter((line) => !isShownThere(line)) : lines;
}

function add(lines: Lines, line: Line): Lines {
  return [...lines.slice(1 - MAX_LINES), line];
}
