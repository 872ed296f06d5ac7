// What was said before: as the socket has brought it, and as far back as the user scrolls.

import { useRef, useState } from 'react';
import type { HistoryEntry } from '@vestibule/client';
import type { Line } from '@vestibule/client/react';

import { Refused } from './api';
import { readMessages } from './recipes';

interface Kept {
  /** As the socket brought it last. */
  readonly history: readonly HistoryEntry[];
  /** What is before that. */
  readonly entries: readonly HistoryEntry[];
  /** Where the next page ends; undefined: nobody has asked; null: there is none. */
  readonly next: string | null | undefined;
}

export interface EarlierMessages {
  readonly history: readonly HistoryEntry[];
  readonly isLoading: boolean;
  readonly fault: string | null;
  /** Loads a page, if there is one. */
  readonly load: () => void;
}

/** An id is its sender's: others may have used it, too. */
export const keyOf = (one: Line | HistoryEntry): string =>
  JSON.stringify(['from' in one ? one.userId : one.user_id, one.id]);

export function useEarlier(
  id: string,
  history: readonly HistoryEntry[],
  messages: readonly Line[],
  isJoined: boolean,
): EarlierMessages {
  const [kept, setKept] = useState<Kept>({ history, entries: [], next: undefined });
  const [isLoading, setIsLoading] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const isAsking = useRef(false);
  // What is shown when a page has come, and not when it was asked for.
  const shown = useRef<ReadonlySet<string>>(new Set());
  let now = kept;
  if (history !== kept.history) {
    now = follow(kept, history);
    setKept(now);
  }

  shown.current = new Set([...now.entries, ...now.history, ...messages].map(keyOf));

  const load = () => {
    if (!isJoined || isAsking.current || now.next === null) return;
    isAsking.current = true;
    setIsLoading(true);
    setFault(null);
    readBefore(id, now.next, shown)
      .then(({ entries, next }) =>
        setKept((last) => ({ ...last, entries: [...entries, ...last.entries], next })),
      )
      .catch((why: unknown) => setFault(why instanceof Refused ? why.message : String(why)))
      .finally(() => {
        isAsking.current = false;
        setIsLoading(false);
      });
  };
  // What came while a page was on its way is shown once, too.
  const live = new Set(messages.map(keyOf));
  const entries = now.entries.filter((one) => !live.has(keyOf(one)));
  return { history: [...entries, ...now.history], isLoading, fault, load };
}

/** After the room was entered again, its history begins later. What it had stays. */
function follow(kept: Kept, history: readonly HistoryEntry[]): Kept {
  const keys = new Set(history.map(keyOf));
  const dropped = kept.history.filter((one) => !keys.has(keyOf(one)));
  const hasGap = kept.history.length > 0 && dropped.length === kept.history.length;
  if (hasGap) return { history, entries: [], next: undefined };
  return { ...kept, history, entries: [...kept.entries, ...dropped] };
}

/** The next page that has something new. */
async function readBefore(
  id: string,
  from: string | undefined,
  shown: { readonly current: ReadonlySet<string> },
) {
  for (let before = from; ; ) {
    const { messages, next = null } = await readMessages(id, before);
    const entries = messages.filter((one) => !shown.current.has(keyOf(one)));
    if (entries.length > 0 || next === null) return { entries, next };
    before = next;
  }
}
