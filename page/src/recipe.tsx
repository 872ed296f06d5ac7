// A recipe, to be read and cooked from.

import { useEffect, useRef, useState, type ReactElement, type ReactNode, type RefObject } from 'react';

import { Awake } from './awake';
import { amountOf, minutes } from './format';
import { Icon } from './icons';
import { LineForm } from './line-form';
import { standing, type Edited, type List } from './lines';
import type { Ingredient, Recipe } from './model';
import { nameOf, useTicks } from './ticks';

interface RecipeViewProps {
  /** null: it is not here. */
  recipe: Recipe | null;
  /** It is on its way. */
  isComing: boolean;
  heading: RefObject<HTMLHeadingElement | null>;
  /** Below the title: who has to do with it. */
  people?: ReactNode;
  /** Takes a recipe that the server has changed; null: the user may not change it. */
  took?: Took;
}

type Took = ((recipe: Recipe) => void) | null;

export function RecipeView(props: RecipeViewProps): ReactElement {
  const { recipe, isComing, heading, people, took = null } = props;
  const fresh = useFresh(recipe);
  const isLoading = recipe === null && isComing;
  return (
    <article className="recipe" aria-busy={isLoading}>
      <h1 ref={heading} tabIndex={-1} dir="auto">
        {recipe?.title ?? (isComing ? 'Loading the recipe…' : 'Recipe')}
      </h1>
      {people}
      {isLoading && <Loading />}
      {recipe === null && !isComing && (
        <p className="description">It could not be loaded yet.</p>
      )}
      {recipe !== null && <Body recipe={recipe} fresh={fresh} took={took} />}
    </article>
  );
}

interface BodyProps {
  recipe: Recipe;
  fresh: ReadonlySet<string>;
  took: Took;
}

function Body({ recipe, fresh, took }: BodyProps): ReactElement {
  const { ingredients, steps } = recipe;
  const [ticked, tick] = useTicks(recipe.id);
  const edit = useEdit(recipe, took);
  return (
    <>
      <Facts recipe={recipe} />
      {recipe.tags.length > 0 && (
        <p className="tags">
          {recipe.tags.map((tag) => (
            <span key={tag} dir="auto">
              {tag}
            </span>
          ))}
        </p>
      )}
      {recipe.description !== '' && (
        <p className="description" dir="auto">
          {recipe.description}
        </p>
      )}
      {ingredients.length === 0 && steps.length === 0 && (
        <div className="empty small">
          <span className="picture">
            <Icon name="pot" />
          </span>
          <h2>Nothing in the pot yet</h2>
          <p>Paste a recipe into the chat, or say what goes in.</p>
        </div>
      )}
      {ingredients.length + steps.length > 0 && <Awake />}
      {(ingredients.length > 0 || edit.edited?.list === 'ingredients') && (
        <section aria-labelledby="ingredients">
          <h2 id="ingredients">Ingredients</h2>
          <ul className="ingredients">
            {edit.withForm(
              'ingredients',
              numbered(ingredients, nameOf).map(([key, ingredient], at) => (
                <Line
                  key={key}
                  ingredient={ingredient}
                  isFresh={fresh.has(ingredient.text)}
                  isTicked={ticked.has(key)}
                  tick={(isTicked) => tick(key, isTicked)}
                  button={edit.button('ingredients', at, ingredient.text)}
                />
              )),
            )}
          </ul>
        </section>
      )}
      {(steps.length > 0 || edit.edited?.list === 'steps') && (
        <section aria-labelledby="steps">
          <h2 id="steps">Steps</h2>
          <ol className="steps">
            {edit.withForm(
              'steps',
              numbered(steps, ({ text }) => text).map(([key, { text }], at) => (
                <li key={key} className={fresh.has(text) ? 'is-fresh' : undefined}>
                  <span dir="auto">{text}</span>
                  {edit.button('steps', at, text)}
                </li>
              )),
            )}
          </ol>
        </section>
      )}
    </>
  );
}

/**
 * The line that is being changed, and its form in place of it. The form stays, and what was typed,
 * whatever becomes of the line.
 */
function useEdit(recipe: Recipe, took: Took) {
  const [edited, setEdited] = useState<(Edited & { readonly length: number }) | null>(null);
  const opener = useRef('');
  const done = () => setEdited(null);
  useEffect(() => {
    // The form is gone; its place has the button.
    if (edited === null) document.getElementById(opener.current)?.focus();
  }, [edited]);
  const button = (list: List, at: number, text: string) => {
    const id = `edit-${list}-${at}`;
    const open = () => {
      opener.current = id;
      setEdited({ list, at, text, length: recipe[list].length });
    };
    if (took === null) return null;
    return (
      <button
        type="button"
        id={id}
        className="dots edit"
        aria-label={`Edit “${text.slice(0, 60)}”`}
        onClick={open}
      >
        <Icon name="pen" />
      </button>
    );
  };
  const withForm = (list: List, lines: readonly ReactElement[]): readonly ReactElement[] => {
    if (edited?.list !== list || took === null) return lines;
    const { length } = edited;
    const { is, at } = standing(recipe, edited, length);
    const form = (
      <li key="form" className="is-edited">
        <LineForm {...{ recipe, edited, length, took, done }} />
      </li>
    );
    return [...lines.slice(0, at), form, ...lines.slice(is === 'gone' ? at : at + 1)];
  };
  return { edited, button, withForm };
}

function Facts({ recipe }: { recipe: Recipe }): ReactElement | null {
  const facts = [
    ['Makes', recipe.yield],
    ['Prep', recipe.prep_time_minutes === null ? '' : minutes(recipe.prep_time_minutes)],
    ['Cook', recipe.cook_time_minutes === null ? '' : minutes(recipe.cook_time_minutes)],
    ['Total', recipe.total_time_minutes == null ? '' : minutes(recipe.total_time_minutes)],
  ].filter(([, value]) => value !== '');
  if (facts.length === 0) return null;
  return (
    <dl className="fact-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface LineProps {
  ingredient: Ingredient;
  isFresh: boolean;
  isTicked: boolean;
  tick: (isTicked: boolean) => void;
  /** To change the line. */
  button: ReactNode;
}

/** To be ticked off while cooking. */
function Line({ ingredient, isFresh, isTicked, tick, button }: LineProps): ReactElement {
  const { text, quantity, unit } = ingredient;
  if (quantity === null && text.endsWith(':')) {
    return (
      <li className="group">
        <h3 dir="auto">{text.slice(0, -1)}</h3>
        {button}
      </li>
    );
  }
  const [amount, rest] = amountOf(text, unit);
  return (
    <li className={isFresh ? 'is-fresh' : undefined}>
      <label>
        <input
          type="checkbox"
          checked={isTicked}
          onChange={(event) => tick(event.target.checked)}
        />
        <span dir="auto">
          {amount !== '' && <b>{amount}</b>}
          {rest}
        </span>
      </label>
      {button}
    </li>
  );
}

function Loading(): ReactElement {
  return (
    <div className="skeleton" aria-hidden="true">
      <span />
      <span />
      <span />
      <span />
      <span />
    </div>
  );
}

/** Keys by text, so that what stays keeps its element; the second of two alike has another. */
function numbered<T>(items: readonly T[], textOf: (item: T) => string): (readonly [string, T])[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const text = textOf(item);
    const n = seen.get(text) ?? 0;
    seen.set(text, n + 1);
    return [`${n} ${text}`, item] as const;
  });
}

const textsOf = ({ ingredients, steps }: Recipe) =>
  new Set([...ingredients, ...steps].map(({ text }) => text));

const NONE: ReadonlySet<string> = new Set();

/** The lines that the last change brought: they are shown so. */
function useFresh(recipe: Recipe | null): ReadonlySet<string> {
  const [last, setLast] = useState({ recipe, texts: NONE, fresh: NONE });
  if (recipe === null || recipe === last.recipe) return last.fresh;
  const texts = textsOf(recipe);
  const added = [...texts].filter((text) => !last.texts.has(text));
  // What a re-authentication brings is the same again; where all is new, nothing stands out.
  const isAll = added.length === texts.size;
  const fresh = isAll ? NONE : added.length > 0 ? new Set(added) : last.fresh;
  setLast({ recipe, texts, fresh });
  return fresh;
}
