// Below a recipe's title: whose it is, and what the user may do with it.

import { useEffect, useRef, useState, type ReactElement } from 'react';

import type { Access, Recipe } from './api';
import type { First } from './first';
import { ago } from './format';
import { readRecipe } from './recipes';
import { Share } from './share';

/**
 * What the user may do, as it was told last; null: not yet. It is asked again when one is back: after
 * the connection was lost, and when the page is shown again.
 */
export function useAccess(id: string, first: First | null, isJoined: boolean) {
  const [access, setAccess] = useState(() => first && accessOf(first.recipe));
  const isKnown = useRef(first?.copiedAt === null);
  useEffect(() => {
    if (!isJoined) return;
    let isThere = true;
    const look = () => {
      if (document.visibilityState !== 'visible') return;
      readRecipe(id).then(
        ([recipe]) => isThere && setAccess(accessOf(recipe)),
        // Then what was known stays; what one may do is for the server to say.
        () => {},
      );
    };
    if (!isKnown.current) look();
    isKnown.current = false;
    document.addEventListener('visibilitychange', look);
    return () => {
      isThere = false;
      document.removeEventListener('visibilitychange', look);
    };
  }, [id, isJoined]);
  return access;
}

function accessOf({ role, owner }: Recipe): Access | null {
  if (role === undefined) return null;
  return owner === undefined ? { role } : { role, owner };
}

interface PeopleProps {
  recipe: Recipe;
  access: Access | null;
  /** When it was copied, if that is all there is. */
  copiedAt: string | null;
  /** Who else is in the room, by their ids. */
  others: readonly string[];
}

/** The owner's address is known to all, and no other one. */
function hereNow(others: readonly string[], owner: Access['owner']): string {
  const isOwner = owner?.email != null && others.includes(owner.id);
  const count = others.length - (isOwner ? 1 : 0);
  const rest = count === 0 ? [] : [count === 1 ? '1 other' : `${count} others`];
  const who = [...(isOwner ? [owner.email] : []), ...rest].join(' and ');
  return others.length === 0 ? '' : `${who} ${others.length === 1 ? 'is' : 'are'} here.`;
}

export function People({ recipe, access, copiedAt, others }: PeopleProps): ReactElement {
  const [isSharing, setIsSharing] = useState(false);
  const { role, owner } = access ?? {};
  return (
    <div className="people">
      {copiedAt !== null && <p>Your copy, read {ago(copiedAt)}. It may have changed since.</p>}
      {role === 'owner' && (
        <button type="button" className="quiet small edged" onClick={() => setIsSharing(true)}>
          Share
        </button>
      )}
      {owner !== undefined && (
        <p>
          Shared by <bdi>{owner.email ?? 'another user'}</bdi>.{' '}
          {role === 'reader' ? 'You may read it and chat.' : 'You may change it.'}
        </p>
      )}
      <p role="status" dir="auto">
        {hereNow(others, owner)}
      </p>
      {isSharing && <Share recipe={recipe} closed={() => setIsSharing(false)} />}
    </div>
  );
}
