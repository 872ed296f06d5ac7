// All recipes of the user, and those that others share.

import { useEffect, useId, useState, type ReactElement } from 'react';

import { Card } from './card';
import { deletions, deleteNow, isOwnRecipe, undoDeletion } from './deletions';
import { Exchange } from './exchange';
import { ago, counted } from './format';
import { useArrival, useTitle } from './hooks';
import { Icon } from './icons';
import { useListed } from './listed';
import type { Summary } from './model';
import { Trouble } from './parts';
import { isSort, SORTS, type Wanted } from './recipes';
import { Link } from './router';
import { useStore } from './store';

/** What is looked for is in the address, so that it is there after a reload and a step back. */
function wantedOf(search: string): Wanted {
  const query = new URLSearchParams(search);
  const sort = query.get('sort');
  return { q: (query.get('q') ?? '').slice(0, 200), sort: isSort(sort) ? sort : '-created' };
}

function keepInAddress({ q, sort }: Wanted): void {
  const query = new URLSearchParams();
  if (q !== '') query.set('q', q);
  if (sort !== '-created') query.set('sort', sort);
  history.replaceState(null, '', query.size === 0 ? '/' : `/?${query}`);
}

export function List(): ReactElement {
  const [wanted, setWanted] = useState(() => wantedOf(location.search));
  const { listed, fault, isLoading, load, change } = useListed(wanted);
  const { hidden } = useStore(deletions);
  const [problem, setProblem] = useState<string | null>(null);
  useTitle('Recipes');
  // Nobody can undo what they do not see.
  useEffect(() => () => void deleteNow(), []);

  const ask = (to: Wanted) => {
    setWanted(to);
    keepInAddress(to);
  };
  const recipes = listed?.recipes.filter(({ id }) => !hidden.has(id)) ?? [];
  const isAll = wanted.q === '';
  const isEmpty = listed !== null && recipes.length === 0 && listed.next === null;
  const found = isEmpty && !isAll ? 'No recipe' : counted(recipes.length, 'recipe');
  return (
    <div className="list">
      <div className="list-head">
        <h1 ref={useArrival()} tabIndex={-1}>
          Recipes
        </h1>
        {!(isEmpty && isAll) && (
          <Link className="button" href="/new">
            <Icon name="plus" /> New recipe
          </Link>
        )}
      </div>
      {!(isEmpty && isAll) && listed !== null && <Search wanted={wanted} ask={ask} />}
      <p className="unseen" role="status">
        {isLoading ? 'Loading recipes…' : listed && (isAll ? found : `${found} found`)}
      </p>
      {fault !== null && (
        <Trouble text={fault}>
          <button type="button" className="button" onClick={() => void load(null)}>
            Try again
          </button>
        </Trouble>
      )}
      {fault !== null && listed !== null && listed.copiedAt !== null && (
        <p className="hint copied">This is your list as it was {ago(listed.copiedAt)}.</p>
      )}
      {problem !== null && <Trouble text={problem} />}
      {listed === null && isLoading && <Skeletons />}
      {isEmpty && isAll && <Empty />}
      {isEmpty && !isAll && <NothingFound q={wanted.q} all={() => ask({ ...wanted, q: '' })} />}
      {recipes.length > 0 && (
        <ul className="cards">
          {recipes.map((recipe) => (
            <Card key={recipe.id} recipe={recipe} change={change} tell={setProblem} />
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
      {listed !== null && listed.copiedAt === null && (
        <Exchange hasRecipes={!(isEmpty && isAll)} changed={() => void load(null)} />
      )}
      <Deleted />
    </div>
  );
}

interface SearchProps {
  wanted: Wanted;
  ask: (wanted: Wanted) => void;
}

function Search({ wanted, ask }: SearchProps): ReactElement {
  const id = useId();
  return (
    <form className="search" role="search" onSubmit={(event) => event.preventDefault()}>
      <div className="field">
        <label className="unseen" htmlFor={`${id}-q`}>
          Search
        </label>
        <input
          id={`${id}-q`}
          type="search"
          dir="auto"
          value={wanted.q}
          maxLength={200}
          placeholder="Title, tag or ingredient"
          autoComplete="off"
          enterKeyHint="search"
          onChange={(event) => ask({ ...wanted, q: event.target.value })}
        />
      </div>
      <div className="field">
        <label className="unseen" htmlFor={`${id}-sort`}>
          Order
        </label>
        <select
          id={`${id}-sort`}
          value={wanted.sort}
          onChange={({ target: { value } }) => isSort(value) && ask({ ...wanted, sort: value })}
        >
          {Object.entries(SORTS).map(([sort, label]) => (
            <option key={sort} value={sort}>
              {label}
            </option>
          ))}
        </select>
      </div>
    </form>
  );
}

/** What was just deleted, and the way back. */
function Deleted(): ReactElement {
  const { waiting, fault } = useStore(deletions);
  const last = waiting.at(-1);
  return (
    <div className="toast-place" role="status">
      {last !== undefined && (
        <div className="toast" key={last.id}>
          {isOwnRecipe(last) ? (
            <p>
              <bdi>{last.title}</bdi> is deleted.
            </p>
          ) : (
            <p>
              You have left <bdi>{last.title}</bdi>.
            </p>
          )}
          <button type="button" className="link" autoFocus onClick={() => restore(last)}>
            Undo
          </button>
        </div>
      )}
      {last === undefined && fault !== null && (
        <div className="toast">
          <p>{fault}</p>
        </div>
      )}
    </div>
  );
}

/** The focus goes to what is back. */
function restore(recipe: Summary): void {
  undoDeletion(recipe);
  setTimeout(() => document.querySelector<HTMLElement>(`a[href="/recipes/${recipe.id}"]`)?.focus());
}

function NothingFound({ q, all }: { q: string; all: () => void }): ReactElement {
  return (
    <div className="empty small">
      <h2>Nothing found</h2>
      <p>
        No recipe has “<bdi>{q}</bdi>” in its title, a tag or an ingredient.
      </p>
      <button type="button" className="button" onClick={all}>
        Show all recipes
      </button>
    </div>
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
