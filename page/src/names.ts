// Who the others in a room are, as far as the user may know it.

import { useEffect, useRef, useState } from 'react';

import type { Access } from './model';
import { listMembers, type Member } from './sharing';

/** The server lists a guest by address once it has stored what the guest has said. */
const ATTEMPTS_MS = [0, 1_000, 5_000];

export interface Names {
  /** The address of somebody; null: the user may not know it, or there is none. */
  readonly addressOf: (user: string) => string | null;
  /** What to call somebody who has said something. */
  readonly nameOf: (user: string | null) => string;
}

/** Members see the owner's address, and the owner sees theirs. `others` are all that are to be named. */
export function useNames(id: string, access: Access | null, others: readonly string[]): Names {
  const members = useMembers(id, access?.role === 'owner', others);
  // By their first appearance, so that none is renamed.
  const guests = useRef<string[]>([]);
  const addressOf = (user: string) => {
    if (user === access?.owner?.id) return access.owner.email;
    return members.find((one) => one.user_id === user)?.email ?? null;
  };
  const nameOf = (user: string | null) => {
    if (user === null || access === null) return 'Somebody else';
    const address = addressOf(user);
    if (address !== null) return address;
    if (user === access.owner?.id) return 'The owner';
    if (!guests.current.includes(user)) guests.current.push(user);
    // Whose address has come meanwhile is not counted.
    const unnamed = guests.current.filter((guest) => addressOf(guest) === null);
    return `Guest ${unnamed.indexOf(user) + 1}`;
  };
  return { addressOf, nameOf };
}

const NOBODY: readonly Member[] = [];

/** Asked for again when somebody is there whom they do not name. */
function useMembers(id: string, isOwner: boolean, others: readonly string[]): readonly Member[] {
  const [members, setMembers] = useState(NOBODY);
  const unknown = others.filter((user) => members.every((one) => one.user_id !== user));
  const missed = [...new Set(unknown)].sort().join('\n');
  useEffect(() => {
    // Once in any case: earlier pages of the history have names, too.
    if (!isOwner) return;
    let isThere = true;
    const look = () =>
      listMembers(id).then(
        (found) => isThere && setMembers(found),
        // Then they stay without a name.
        () => {},
      );
    const attempts = missed === '' ? ATTEMPTS_MS.slice(0, 1) : ATTEMPTS_MS;
    const timers = attempts.map((ms) => setTimeout(look, ms));
    return () => {
      isThere = false;
      for (const timer of timers) clearTimeout(timer);
    };
  }, [id, isOwner, missed]);
  return members;
}
