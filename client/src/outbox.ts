// What was said and not yet answered, in its order: bounded, and kept across connections.

import { guard } from './emitter.js';
import { ChatError } from './errors.js';
import type { ClientChatMessage, RecipeUpdate } from './messages.js';
import type { ChatOptions, Unsent } from './types.js';

/** Protocol, section 6. Half a surrogate pair is no character, and not every reader takes it. */
const CONTENT = /^\P{Surrogate}{1,16384}$/u;
/** The answer to another one would name no id, and the message wait for ever. */
const ID = /^\P{Surrogate}{1,128}$/u;
const MAX_MESSAGE_BYTES = 65_536;
/** Until 10 minutes a repeated id is answered and not done again; a minute is left for the way. */
const REPEATABLE_MS = 9 * 60_000;

interface Entry extends Unsent {
  sentAt: number;
  /** The connection that it was last written to; 0: none yet. */
  sentOn: number;
  readonly resolve: (reply: RecipeUpdate) => void;
  readonly reject: (fault: ChatError) => void;
}

/** Those that are in use: each kept message is sent by one of them. */
const LIVE = new Set<Outbox>();

export class Outbox {
  #entries: Entry[] = [];
  /** Whose messages these are; null until that is known. */
  #user: string | null = null;
  readonly #room: string;
  readonly #options: ChatOptions;
  readonly #report: (fault: ChatError) => void;
  readonly #adopted: () => void;

  /**
   * `report` is told what becomes of messages whose promise went with an earlier connection,
   * `adopted` that there are some of a connection that has just ended.
   */
  constructor(
    room: string,
    options: ChatOptions,
    report: (fault: ChatError) => void,
    adopted: () => void,
  ) {
    this.#room = room;
    this.#options = options;
    this.#report = report;
    this.#adopted = adopted;
  }

  get unsent(): readonly Unsent[] {
    return this.#entries;
  }

  /** Takes a message; the promise is settled by its answer. */
  add(id: string, content: string, data?: object): Promise<RecipeUpdate> {
    return new Promise((resolve, reject) => {
      const message = checked(id, content, data);
      if (message === null) {
        const text = 'A message has 1 to 16,384 characters, 64 KiB with its data, and an id of 128';
        reject(new ChatError('invalid_content', text, id));
      } else if (this.#entries.length >= (this.#options.maxQueue ?? 32)) {
        reject(new ChatError('queue_full', 'Too many messages wait for an answer', id));
      } else {
        const entry = { message, sentAt: 0, sentOn: 0, resolve, reject };
        this.#entries.push(entry);
        this.#keep(entry);
      }
    });
  }

  /** At a new start: the user is who the embedder says, until the server has said it. */
  start(): void {
    const { userId } = this.#options;
    if (userId && this.#user === null) this.own(userId);
  }

  /** Whose messages these are. What this user left unsent before goes first. */
  own(user: string): void {
    if (user === this.#user) return;
    // Nothing is said in another user's name.
    if (this.#user !== null) this.end(true);
    this.#user = user;
    LIVE.add(this);
    this.#adopt();
    for (const entry of this.#entries) this.#keep(entry);
  }

  /** Takes what is kept, but for what another component's connection is about to send. */
  #adopt(): void {
    const held = [...this.#likes(), this].flatMap((one) => this.#ids(one.#entries));
    const kept = this.#load().filter(({ message }) => !held.includes(message.id));
    const adopt = (unsent: Unsent): Entry => {
      return { ...unsent, sentOn: 0, resolve: () => {}, reject: this.#report };
    };
    this.#entries = [...kept.map(adopt), ...this.#entries];
  }

  /** Others of the same room, user and store. */
  #likes(): Outbox[] {
    const isLike = (one: Outbox) =>
      one !== this &&
      one.#room === this.#room &&
      one.#user === this.#user &&
      one.#options.outbox === this.#options.outbox;
    return Array.from(LIVE).filter(isLike);
  }

  /** Writes what this connection has not seen, in order, and with the ids of the first time. */
  flush(connection: number, nowMs: number, write: (frame: string) => void): void {
    for (const entry of this.#entries.slice()) {
      if (entry.sentOn === connection) continue;
      // A clock that was set back says nothing of what has passed.
      if (entry.sentAt > 0 && Math.abs(nowMs - entry.sentAt) > REPEATABLE_MS) {
        const text = 'The connection was away for too long';
        this.reject(new ChatError('outcome_unknown', text, entry.message.id));
        continue;
      }
      entry.sentAt ||= nowMs;
      entry.sentOn = connection;
      // First: a page that ends here must know later that it was sent.
      this.#keep(entry);
      write(JSON.stringify(entry.message));
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

  /** This connection gets no more answers; the next one of this user may. */
  end(mayKeep: boolean): void {
    const entries = this.#entries;
    const kept = mayKeep ? this.#ids(this.#load()) : [];
    const [heir] = this.#likes();
    LIVE.delete(this);
    this.#entries = [];
    for (const { message, reject } of entries) {
      const { id } = message;
      const isKept = kept.includes(id);
      if (!isKept) this.#forget(id);
      reject(isKept ? new ChatError('kept', 'It is sent later', id) : closedError(id));
    }
    this.#user = null;
    if (heir === undefined) return;
    heir.#adopt();
    heir.#adopted();
  }

  #take(id: string | null): Entry | undefined {
    const at = this.#entries.findIndex(({ message }) => message.id === id);
    if (at < 0) return undefined;
    this.#forget(id as string);
    return this.#entries.splice(at, 1)[0];
  }

  #ids(all: readonly Unsent[]): string[] {
    return all.map(({ message }) => message.id);
  }

  #load(): readonly Unsent[] {
    return this.#ask((user, store) => store.load(this.#room, user)) ?? [];
  }

  #keep({ message, sentAt }: Unsent): void {
    this.#ask((user, store) => store.put(this.#room, user, { message, sentAt }));
  }

  #forget(id: string): void {
    this.#ask((user, store) => store.remove(this.#room, user, id));
  }

  /** Nothing is kept while nobody knows for whom. */
  #ask<T>(use: (user: string, store: NonNullable<ChatOptions['outbox']>) => T): T | undefined {
    const [user, { outbox }] = [this.#user, this.#options];
    return user !== null && outbox ? guard(() => use(user, outbox)) : undefined;
  }
}

export function closedError(id: string): ChatError {
  return new ChatError('closed', 'The connection is closed', id);
}

/** Null: the server would refuse it, or close the connection over it. */
function checked(id: string, content: string, data?: object): ClientChatMessage | null {
  if (!CONTENT.test(content) || !ID.test(id)) return null;
  const timestamp = new Date().toISOString();
  const payload = { content, ...(data && { data }) };
  try {
    const json = JSON.stringify({ type: 'chat_message', id, timestamp, payload });
    const bytes = new TextEncoder().encode(json).length;
    // Read again: what the caller does to its data later changes nothing.
    return bytes <= MAX_MESSAGE_BYTES ? JSON.parse(json) : null;
  } catch {
    // Data that is no JSON.
    return null;
  }
}
