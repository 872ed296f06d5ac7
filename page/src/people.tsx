// Below a recipe's title: whose it is, and what the user may do with it.

import { useEffect, useRef, useState, type ReactElement } from 'react';

import type { First } from './first';
import { ago } from './format';
import type { Access, Recipe } from './model';
import type { Names } from './names';
import { readRecipe } from './recipes';
import { Share } from './share';

/**
 * What the user may do, as it was told last; null: not yet. It is asked again when one is back: after
 * the connection was lost, and when the page is shown again; and at each of `news`, by which a changed
 * role is told.
 */
export function useAccess(id: string, first: First | null, isJoined: boolean, news: string | null) {
  const [access, setAccess] = useState(() => first && accessOf(first.recipe));
  const isKnown = useRef(first?.copiedAt === null);
  const heard = useRef(news);
  useEffect(() => {
    if (!isJoined) return;
    let isThere = true;
    const look = () => {
      readRecipe(id).then(
        ([recipe]) => isThere && setAccess(accessOf(recipe)),
        // Then what was known stays; what one may do is for the server to say.
        () => {},
      );
    };
    if (!isKnown.current || heard.current !== news) look();
    isKnown.current = false;
    heard.current = news;
    const lookAgain = () => document.visibilityState === 'visible' && look();
    document.addEventListener('visibilitychange', lookAgain);
    return () => {
      isThere = false;
      document.removeEventListener('visibilitychange', lookAgain);
    };
  }, [id, isJoined, news]);
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
  names: Names;
}

/** At most so many are named. */
const MAX_NAMED = 3;

function hereNow(others: readonly string[], addressOf: Names['addressOf']): string {
  const known = others.map(addressOf).filter((address) => address !== null);
  const named = known.slice(0, MAX_NAMED);
  const count = others.length - named.length;
  const rest = count === 0 ? [] : [count === 1 ? '1 other' : `${count} others`];
  const who = [...named, ...rest];
  const all = [who.slice(0, -1).join(', '), ...who.slice(-1)].filter((part) => part !== '');
  return others.length === 0 ? '' : `${all.join(' and ')} ${others.length === 1 ? 'is' : 'are'} here.`;
}

export function People({ recipe, access, copiedAt, others, names }: PeopleProps): ReactElement {
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
        {hereNow(others, names.addressOf)}
      </p>
      {isSharing && <Share recipe={recipe} closed={() => setIsSharing(false)} />}
    </div>
  );
}
