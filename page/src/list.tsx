// All recipes of the user.

import { useCallback, useEffect, useState, type ReactElement } from 'react';

import { listRecipes, Refused, type Summary } from './api';
import { ago, counted, minutes } from './format';
import { useArrival, useTitle } from './hooks';
import { Icon } from './icons';
import { Trouble } from './parts';
import { Link } from './router';

interface Listed {
  readonly recipes: readonly Summary[];
  readonly next: string | null;
}

export function List(): ReactElement {
  const [listed, setListed] = useState<Listed | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [isLoading, setIsLoading] = useState(true);
  useTitle('Recipes');

  const load = useCallback(async (before: string | null) => {
    setIsLoading(true);
    try {
      const { recipes, next = null } = await listRecipes(before ?? undefined);
      setListed((known) => ({
        recipes: before === null ? recipes : [...(known?.recipes ?? []), ...recipes],
        next,
      }));
      setFault(null);
    } catch (refusal) {
      setFault(refusal instanceof Refused ? refusal.message : String(refusal));
    }
    setIsLoading(false);
  }, []);

  useEffect(() => {
    const again = () => void load(null);
    again();
    addEventListener('online', again);
    return () => removeEventListener('online', again);
  }, [load]);

  const isEmpty = listed?.recipes.length === 0;
  return (
    <div className="list">
      <div className="list-head">
        <h1 ref={useArrival()} tabIndex={-1}>
          Recipes
        </h1>
        {!isEmpty && (
          <Link className="button" href="/new">
            <Icon name="plus" /> New recipe
          </Link>
        )}
      </div>
      <p className="unseen" role="status">
        {isLoading ? 'Loading recipes…' : listed && counted(listed.recipes.length, 'recipe')}
      </p>
      {fault !== null && (
        <Trouble text={fault}>
          <button type="button" className="button" onClick={() => void load(null)}>
            Try again
          </button>
        </Trouble>
      )}
      {listed === null && isLoading && <Skeletons />}
      {isEmpty && <Empty />}
      {listed !== null && !isEmpty && (
        <ul className="cards">
          {listed.recipes.map((recipe) => (
            <Card key={recipe.id} recipe={recipe} />
          ))}
        </ul>
      )}
      {listed !== null && listed.next !== null && (
        <button
          type="button"
          className="quiet more"
          aria-disabled={isLoading}
          onClick={() => isLoading || void load(listed.next)}
        >
          Show more
        </button>
      )}
    </div>
  );
}

function Card({ recipe }: { recipe: Summary }): ReactElement {
  const total = (recipe.prep_time_minutes ?? 0) + (recipe.cook_time_minutes ?? 0);
  return (
    <li className="tile">
      <h2>
        <Link href={`/recipes/${recipe.id}`}>{recipe.title}</Link>
      </h2>
      {(recipe.yield !== '' || total > 0) && (
        <p className="facts">
          {recipe.yield !== '' && (
            <span>
              <Icon name="plate" /> {recipe.yield}
            </span>
          )}
          {total > 0 && (
            <span>
              <Icon name="clock" /> {minutes(total)}
            </span>
          )}
        </p>
      )}
      {recipe.tags.length > 0 && (
        <p className="tags">
          {recipe.tags.slice(0, 4).map((tag) => (
            <span key={tag}>{tag}</span>
          ))}
        </p>
      )}
      <p className="when">Changed {ago(recipe.updated_at)}</p>
    </li>
  );
}

function Skeletons(): ReactElement {
  return (
    <div className="cards" aria-hidden="true">
      {[0, 1, 2].map((n) => (
        <div key={n} className="tile skeleton">
          <span />
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}

function Empty(): ReactElement {
  return (
    <div className="empty">
      <span className="picture">
        <Icon name="pot" />
      </span>
      <h2>What shall we cook?</h2>
      <p>Paste a recipe from anywhere, or begin with an empty one and say what goes in.</p>
      <Link className="button" href="/new">
        <Icon name="plus" /> New recipe
      </Link>
    </div>
  );
}
