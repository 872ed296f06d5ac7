// Where unsent messages outlive their connection.

import { Shelf } from './shelf.js';
import type { OutboxStore, Unsent } from './types.js';

/** Of all rooms and users. One connection has at most 32. */
const MAX_ITEMS = 256;
const MAX_BYTES = 512 * 1024;

/** A store that can say how much it holds. */
export interface KeptOutbox extends OutboxStore {
  /** How many messages have no answer, of all rooms and users. */
  readonly size: number;
  /** Forgets them all: for when a user signs out. */
  clear(): void;
}

interface Item {
  readonly room: string;
  readonly user: string;
  readonly unsent: Unsent;
}

/**
 * In memory: messages outlive their component and a new sign-in, and end with the page. At most 256
 * and 512 KiB; beyond that the oldest are not kept.
 */
export const memoryOutbox = (): KeptOutbox => outboxOn(null);

/**
 * In `sessionStorage` as well: messages outlive a reload, in their tab. Whatever runs on the origin
 * can read them. Where the browser has no storage or no room in it, it is memory.
 */
export const sessionOutbox = (key = 'vestibule.outbox'): KeptOutbox => outboxOn(key);

function outboxOn(key: string | null): KeptOutbox {
  const shelf = new Shelf<Item>({ key, maxItems: MAX_ITEMS, maxBytes: MAX_BYTES, isValue: isItem });
  const nameOf = (room: string, user: string, id: string) => JSON.stringify([room, user, id]);
  return {
    get size() {
      return shelf.size;
    },
    load: (room, user) =>
      shelf
        .values()
        .filter((item) => item.room === room && item.user === user)
        .map(({ unsent }) => unsent),
    put: (room, user, unsent) =>
      shelf.set(nameOf(room, user, unsent.message.id), { room, user, unsent }),
    remove: (room, user, id) => shelf.delete(nameOf(room, user, id)),
    clear: () => shelf.clear(),
  };
}

function isItem(value: unknown): value is Item {
  const { room, user, unsent } = Object(value) as Partial<Item>;
  const { message, sentAt } = Object(unsent) as Partial<Unsent>;
  const { type, id, timestamp, payload } = Object(message) as Partial<Unsent['message']>;
  const texts = [room, user, id, timestamp, payload?.content];
  return (
    type === 'chat_message' &&
    Number.isFinite(sentAt) &&
    texts.every((text) => typeof text === 'string')
  );
}
