// A recipe before there is a connection.

import { Refused } from './api';
import { findCopy, forgetCopy, keepCopy } from './copies';
import type { Recipe } from './model';
import { readRecipe } from './recipes';

/** After that the connection is tried: it tells what is wrong, and goes on trying. */
const PATIENCE_MS = 5_000;

/** As it was read over HTTP, or copied before. */
export interface First {
  readonly recipe: Recipe;
  /** When it was copied; null: it is from the server. */
  readonly copiedAt: string | null;
}

export async function readFirst(id: string): Promise<First | 'denied' | null> {
  try {
    const [recipe] = await readRecipe(id, PATIENCE_MS);
    void keepCopy(id, recipe);
    return { recipe, copiedAt: null };
  } catch (fault) {
    if (fault instanceof Refused && fault.code === 'not_found') {
      void forgetCopy(id);
      return 'denied';
    }
    const copy = await findCopy<Recipe>(id);
    return copy && { recipe: copy.value, copiedAt: copy.at };
  }
}
