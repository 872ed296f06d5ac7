// A recipe in the list, and what one can do with it there.

import { useEffect, useId, useRef, useState, type FormEvent, type ReactElement } from 'react';

import { Refused } from './api';
import { deleteLater, isOwnRecipe } from './deletions';
import { ago, minutes } from './format';
import { Icon } from './icons';
import type { Change } from './listed';
import type { Summary } from './model';
import { Problem } from './parts';
import {
  duplicateRecipe,
  exportRecipe,
  FORMATS,
  patchRecipe,
  readRecipe,
  type Format,
} from './recipes';
import { Link } from './router';
import { Share } from './share';

interface CardProps {
  recipe: Summary;
  change: Change;
  /** Says what went wrong; null: nothing. */
  tell: (problem: string | null) => void;
}

const textOf = (fault: unknown) => (fault instanceof Refused ? fault.message : String(fault));

export function Card({ recipe, change, tell }: CardProps): ReactElement {
  const [isNaming, setIsNaming] = useState(false);
  const [isSharing, setIsSharing] = useState(false);
  const total = (recipe.prep_time_minutes ?? 0) + (recipe.cook_time_minutes ?? 0);
  const tile = useRef<HTMLLIElement>(null);
  const leaveName = (renamed: Summary | null) => {
    if (renamed !== null) change(renamed);
    setIsNaming(false);
    // The input is gone; its place has the link.
    setTimeout(() => tile.current?.querySelector('a')?.focus());
  };
  return (
    <li className="tile" ref={tile}>
      {isNaming ? (
        <Rename recipe={recipe} done={leaveName} />
      ) : (
        <h2 dir="auto">
          <Link href={`/recipes/${recipe.id}`}>{recipe.title}</Link>
        </h2>
      )}
      {(recipe.yield !== '' || total > 0) && (
        <p className="facts">
          {recipe.yield !== '' && (
            <span>
              <Icon name="plate" /> <bdi>{recipe.yield}</bdi>
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
            <span key={tag} dir="auto">
              {tag}
            </span>
          ))}
        </p>
      )}
      {recipe.owner !== undefined && (
        <p className="facts">
          <span>
            Shared by <bdi>{recipe.owner.email ?? 'another user'}</bdi>
          </span>
        </p>
      )}
      <p className="when">Changed {ago(recipe.updated_at)}</p>
      {!isNaming && (
        <Actions
          recipe={recipe}
          change={change}
          tell={tell}
          rename={() => setIsNaming(true)}
          share={() => setIsSharing(true)}
        />
      )}
      {isSharing && <Share recipe={recipe} closed={() => setIsSharing(false)} />}
    </li>
  );
}

interface ActionsProps extends CardProps {
  rename: () => void;
  share: () => void;
}

/** A button, and what it shows. */
function Actions({ recipe, change, tell, rename, share }: ActionsProps): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const run = (act: () => void | Promise<void>) => {
    setIsOpen(false);
    tell(null);
    void Promise.resolve()
      .then(act)
      .catch((fault: unknown) => tell(textOf(fault)));
  };
  const duplicate = async () => {
    const copy = await duplicateRecipe(recipe);
    change(recipe, copy);
    setTimeout(() => document.querySelector<HTMLElement>(`a[href="/recipes/${copy.id}"]`)?.focus());
  };
  const store = (format: Format) => {
    button.current?.focus();
    return exportRecipe(recipe, format);
  };
  const openShare = () => {
    // It comes back to what is seen when the window is closed.
    button.current?.focus();
    share();
  };
  const isOwn = isOwnRecipe(recipe);
  return (
    <div
      className="actions-menu"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return;
        setIsOpen(false);
        button.current?.focus();
      }}
      onBlur={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) setIsOpen(false);
      }}
    >
      <button
        type="button"
        ref={button}
        className="dots"
        aria-expanded={isOpen}
        aria-controls={id}
        aria-label={`Actions for ${recipe.title}`}
        onClick={() => setIsOpen(!isOpen)}
      >
        <Icon name="dots" />
      </button>
      <div id={id} className="menu" hidden={!isOpen}>
        {recipe.role !== 'reader' && (
          <button type="button" onClick={() => run(rename)}>
            Rename
          </button>
        )}
        {isOwn && (
          <button type="button" onClick={() => run(openShare)}>
            Share…
          </button>
        )}
        <button type="button" onClick={() => run(duplicate)}>
          Duplicate
        </button>
        {Object.entries(FORMATS).map(([format, [name]]) => (
          <button key={format} type="button" onClick={() => run(() => store(format as Format))}>
            Save as {name}
          </button>
        ))}
        <button type="button" className="bad" onClick={() => run(() => deleteLater(recipe))}>
          {isOwn ? 'Delete' : 'Leave'}
        </button>
      </div>
    </div>
  );
}

interface RenameProps {
  recipe: Summary;
  /** With the renamed recipe, or null: it keeps its name. */
  done: (renamed: Summary | null) => void;
}

/** In place of the title. What somebody else changes meanwhile is not overwritten. */
function Rename({ recipe, done }: RenameProps): ReactElement {
  const [title, setTitle] = useState(recipe.title);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const revision = useRef<Promise<string> | null>(null);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);

  /** Of the recipe whose title is shown. */
  const look = () => {
    const found = readRecipe(recipe.id).then(([{ title: now }, tag]) => {
      if (now !== recipe.title) setProblem(`It was changed meanwhile: it is “${now}” now.`);
      return tag;
    });
    // Told when it is wanted.
    found.catch(() => {});
    revision.current = found;
    return found;
  };
  useEffect(() => void look(), [recipe.id]);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const text = title.trim();
    if (isBusy) return;
    if (text === '') return setProblem('Enter a name.');
    if (text === recipe.title && problem === null) return done(null);
    setIsBusy(true);
    try {
      done(await patchRecipe(recipe.id, { title: text }, await (revision.current ?? look())));
    } catch (fault) {
      // The next attempt is about the recipe as it is then.
      revision.current = null;
      setProblem(textOf(fault));
      setIsBusy(false);
    }
  };
  return (
    <form className="rename" onSubmit={save} noValidate>
      <label className="unseen" htmlFor={id}>
        Name
      </label>
      <input
        id={id}
        ref={input}
        dir="auto"
        value={title}
        maxLength={200}
        autoFocus
        autoComplete="off"
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        onChange={(event) => setTitle(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && done(null)}
      />
      {problem !== null && <Problem id={`${id}-problem`}>{problem}</Problem>}
      <div className="rename-actions">
        <button type="submit" className="button small" aria-disabled={isBusy}>
          Save
        </button>
        <button type="button" className="quiet small" onClick={() => done(null)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
