// What was said and not yet answered, in its order: bounded, and kept across connections.

import { ChatError } from './errors.js';
import type { ClientChatMessage, RecipeUpdate } from './messages.js';

/** Protocol, section 6. */
const MAX_CONTENT_CHARS = 16_384;
const MAX_MESSAGE_BYTES = 65_536;
/** Until 10 minutes a repeated id is answered and not done again; a minute is left for the way. */
const REPEATABLE_MS = 9 * 60_000;

interface Entry {
  readonly id: string;
  readonly frame: string;
  readonly resolve: (reply: RecipeUpdate) => void;
  readonly reject: (fault: ChatError) => void;
  /** The connection that it was last written to; 0: none yet. */
  sentOn: number;
  firstSentMs: number;
}

export class Outbox {
  #entries: Entry[] = [];

  constructor(readonly capacity: number) {}

  /** Takes a message; the promise is settled by its answer. */
  add(id: string, content: string): Promise<RecipeUpdate> {
    return new Promise((resolve, reject) => {
      const frame = encode(id, content);
      if (frame === null) {
        reject(new ChatError('invalid_content', 'A message has 1 to 16,384 characters', id));
      } else if (this.#entries.length >= this.capacity) {
        reject(new ChatError('queue_full', 'Too many messages wait for an answer', id));
      } else {
        this.#entries.push({ id, frame, resolve, reject, sentOn: 0, firstSentMs: 0 });
      }
    });
  }

  /** Writes what this connection has not seen, in order, and with the ids of the first time. */
  flush(connection: number, nowMs: number, write: (frame: string) => void): void {
    for (const entry of this.#entries.slice()) {
      if (entry.sentOn === connection) continue;
      if (entry.sentOn === 0) {
        entry.firstSentMs = nowMs;
      } else if (nowMs - entry.firstSentMs > REPEATABLE_MS) {
        const text = 'The connection was away for too long';
        this.reject(new ChatError('outcome_unknown', text, entry.id));
        continue;
      }
      entry.sentOn = connection;
      write(entry.frame);
    }
  }

  resolve(reply: RecipeUpdate): void {
    this.#take(reply.payload.request_id)?.resolve(reply);
  }

  /** False: nothing waits for this answer. */
  reject(fault: ChatError): boolean {
    const entry = this.#take(fault.requestId);
    entry?.reject(fault);
    return entry !== undefined;
  }

  /** Nothing will be answered any more. */
  rejectAll(): void {
    const entries = this.#entries;
    this.#entries = [];
    for (const { id, reject } of entries) reject(closedError(id));
  }

  #take(id: string | null): Entry | undefined {
    const at = this.#entries.findIndex((entry) => entry.id === id);
    return at < 0 ? undefined : this.#entries.splice(at, 1)[0];
  }
}

export function closedError(id: string): ChatError {
  return new ChatError('closed', 'The connection is closed', id);
}

/** Null: the server would refuse it, or close the connection over it. */
function encode(id: string, content: string): string | null {
  // Half a surrogate pair is no character, and JSON that holds one is not read by everybody.
  if (content === '' || content.length > 2 * MAX_CONTENT_CHARS || /\p{Surrogate}/u.test(content)) {
    return null;
  }
  const timestamp = new Date().toISOString();
  const message: ClientChatMessage = { type: 'chat_message', id, timestamp, payload: { content } };
  const frame = JSON.stringify(message);
  const isShort = [...content].length <= MAX_CONTENT_CHARS;
  return isShort && new TextEncoder().encode(frame).length <= MAX_MESSAGE_BYTES ? frame : null;
}
