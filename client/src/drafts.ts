// What a user has begun to write.

import { Shelf } from './shelf.js';

const MAX_ITEMS = 64;
const MAX_BYTES = 256 * 1024;

/** Drafts by room and user. */
export interface DraftStore {
  /** Empty: there is none. */
  load(room: string, user: string): string;
  /** Empty: forget it. */
  save(room: string, user: string, text: string): void;
  /** Forgets them all: for when a user signs out. */
  clear(): void;
}

/**
 * In memory and, with a key, in `sessionStorage`, for a reload. At most 64 drafts and 256 KiB;
 * beyond that the oldest are forgotten.
 */
export function draftStore(key: string | null = null): DraftStore {
  const isValue = (value: unknown) => typeof value === 'string';
  const shelf = new Shelf<string>({ key, maxItems: MAX_ITEMS, maxBytes: MAX_BYTES, isValue });
  const nameOf = (room: string, user: string) => JSON.stringify([room, user]);
  return {
    load: (room, user) => shelf.get(nameOf(room, user)) ?? '',
    save(room, user, text) {
      if (text === '') shelf.delete(nameOf(room, user));
      else shelf.set(nameOf(room, user), text);
    },
    clear: () => shelf.clear(),
  };
}
