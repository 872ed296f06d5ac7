// A recipe, to be read and cooked from.

import { useState, type ReactElement, type RefObject } from 'react';

import type { Ingredient, Recipe } from './api';
import { Awake } from './awake';
import { amountOf, minutes } from './format';
import { Icon } from './icons';
import { nameOf, useTicks } from './ticks';

interface RecipeViewProps {
  /** null: it is not here. */
  recipe: Recipe | null;
  /** It is on its way. */
  isComing: boolean;
  heading: RefObject<HTMLHeadingElement | null>;
}

export function RecipeView({ recipe, isComing, heading }: RecipeViewProps): ReactElement {
  const fresh = useFresh(recipe);
  const isLoading = recipe === null && isComing;
  return (
    <article className="recipe" aria-busy={isLoading}>
      <h1 ref={heading} tabIndex={-1} dir="auto">
        {recipe?.title ?? (isComing ? 'Loading the recipe…' : 'Recipe')}
      </h1>
      {isLoading && <Loading />}
      {recipe === null && !isComing && (
        <p className="description">It could not be loaded yet.</p>
      )}
      {recipe !== null && <Body recipe={recipe} fresh={fresh} />}
    </article>
  );
}

function Body({ recipe, fresh }: { recipe: Recipe; fresh: ReadonlySet<string> }): ReactElement {
  const { ingredients, steps } = recipe;
  const [ticked, tick] = useTicks(recipe.id);
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
      {ingredients.length > 0 && (
        <section aria-labelledby="ingredients">
          <h2 id="ingredients">Ingredients</h2>
          <ul className="ingredients">
            {numbered(ingredients, nameOf).map(([key, ingredient]) => (
              <Line
                key={key}
                ingredient={ingredient}
                isFresh={fresh.has(ingredient.text)}
                isTicked={ticked.has(key)}
                tick={(isTicked) => tick(key, isTicked)}
              />
            ))}
          </ul>
        </section>
      )}
      {steps.length > 0 && (
        <section aria-labelledby="steps">
          <h2 id="steps">Steps</h2>
          <ol className="steps">
            {numbered(steps, (step) => step.text).map(([key, step]) => (
              <li key={key} className={fresh.has(step.text) ? 'is-fresh' : undefined} dir="auto">
                {step.text}
              </li>
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

function Facts({ recipe }: { recipe: Recipe }): ReactElement | null {
  const facts = [
    ['Makes', recipe.yield],
    ['Prep', recipe.prep_time_minutes === null ? '' : minutes(recipe.prep_time_minutes)],
    ['Cook', recipe.cook_time_minutes === null ? '' : minutes(recipe.cook_time_minutes)],
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
}

/** To be ticked off while cooking. */
function Line({ ingredient, isFresh, isTicked, tick }: LineProps): ReactElement {
  const { text, quantity, unit } = ingredient;
  if (quantity === null && text.endsWith(':')) {
    return (
      <li className="group" dir="auto">
        {text.slice(0, -1)}
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
