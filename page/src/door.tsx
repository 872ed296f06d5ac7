// Before a room: the recipe comes over HTTP, and then the connection is opened.

import { useEffect, useState, type ReactElement } from 'react';

import { Refused, type Recipe } from './api';
import { isChange, useArrival, useTitle } from './hooks';
import { Icon } from './icons';
import { RecipeView } from './recipe';
import { readRecipe } from './recipes';
import { Denied, Room } from './room';
import { Link } from './router';
import type { User } from './session';

/** After that the connection is tried: it tells what is wrong, and goes on trying. */
const PATIENCE_MS = 5_000;

type First = Recipe | 'loading' | 'denied' | null;

export function Door({ id, user }: { id: string; user: User }): ReactElement {
  const [isArrival] = useState(isChange);
  const [first, setFirst] = useState<First>('loading');
  useEffect(() => {
    let isThere = true;
    readRecipe(id, PATIENCE_MS)
      .then(
        ([recipe]): First => recipe,
        (fault): First =>
          fault instanceof Refused && fault.code === 'not_found' ? 'denied' : null,
      )
      .then((found) => isThere && setFirst(found));
    return () => void (isThere = false);
  }, [id]);
  if (first === 'loading') return <Loading isArrival={isArrival} />;
  if (first === 'denied') return <Denied />;
  return <Room id={id} user={user} first={first} isArrival={isArrival} />;
}

function Loading({ isArrival }: { isArrival: boolean }): ReactElement {
  useTitle('Recipe');
  const heading = useArrival(isArrival);
  return (
    <div className="room">
      <div className="bar">
        <Link className="quiet back" href="/">
          <Icon name="back" /> <span>Recipes</span>
        </Link>
      </div>
      <div className="panes">
        <div className="pane recipe-pane">
          <RecipeView recipe={null} isComing heading={heading} />
        </div>
      </div>
    </div>
  );
}
