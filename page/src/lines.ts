// One line of a recipe, changed in place.

import { Refused } from './api';
import type { Recipe } from './model';
import { patchRecipe, readRecipe } from './recipes';

export type List = 'ingredients' | 'steps';

/** The line that is being changed: where it was, and its text then. */
export interface Edited {
  readonly list: List;
  readonly at: number;
  readonly text: string;
}

/** What became of the line meanwhile, and where its new text goes. */
export type Standing =
  | { readonly is: 'same'; readonly at: number }
  | { readonly is: 'changed'; readonly at: number; readonly now: string }
  | { readonly is: 'gone'; readonly at: number };

export function standing(recipe: Recipe, { list, at, text }: Edited, length: number): Standing {
  const texts = recipe[list].map((line) => line.text);
  if (texts[at] === text) return { is: 'same', at };
  const moved = texts.indexOf(text);
  if (moved >= 0) return { is: 'same', at: moved };
  const now = texts[at];
  // As many as there were: it is still there, with another text.
  if (texts.length === length && now !== undefined) return { is: 'changed', at, now };
  return { is: 'gone', at: Math.min(at, texts.length) };
}

const isEqual = (a: Standing, b: Standing) =>
  a.is === b.is && (a.is !== 'changed' || b.is !== 'changed' || a.now === b.now);

/** Of others' changes that come in between, so many are tried again. */
const ATTEMPTS = 5;

/**
 * The recipe with the new text: `true`. Or the recipe as it is now, where the line is no more as the
 * user was `told`. What others change elsewhere stays.
 */
export async function saveLine(
  id: string,
  edited: Edited,
  length: number,
  told: Standing,
  text: string,
): Promise<readonly [Recipe, isSaved: boolean]> {
  for (let attempt = 1; ; attempt++) {
    const [recipe, revision] = await readRecipe(id);
    const now = standing(recipe, edited, length);
    if (!isEqual(now, told)) return [recipe, false];
    const texts = recipe[edited.list].map((line) => line.text);
    texts.splice(now.at, now.is === 'gone' ? 0 : 1, text);
    try {
      return [await patchRecipe(id, { [edited.list]: texts }, revision), true];
    } catch (fault) {
      const isLate = fault instanceof Refused && fault.code === 'revision_mismatch';
      if (!isLate || attempt === ATTEMPTS) throw fault;
    }
  }
}
