// Before a room: the recipe comes over HTTP, and then the connection is opened.

import { useEffect, useState, type ReactElement } from 'react';

import { readFirst, type First } from './first';
import { isChange, useArrival, useTitle } from './hooks';
import { Icon } from './icons';
import { RecipeView } from './recipe';
import { Denied, Room } from './room';
import { Link } from './router';
import type { User } from './session';

export function Door({ id, user }: { id: string; user: User }): ReactElement {
  const [isArrival] = useState(isChange);
  const [first, setFirst] = useState<First | 'loading' | 'denied' | null>('loading');
  useEffect(() => {
    let isThere = true;
    void readFirst(id).then((found) => isThere && setFirst(found));
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
