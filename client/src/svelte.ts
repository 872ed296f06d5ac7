// A Svelte store that holds a connection for as long as it has subscribers.

import { ChatStore, type RecipeChatOptions, type Snapshot } from './chat-store.js';
import type { Json, Update } from './types.js';

export type { RecipeChatOptions, Snapshot } from './chat-store.js';
export type { Line } from './lines.js';

/** What Svelte knows as a `Readable`. */
export interface RecipeChat<Recipe, Data = Json> {
  /** Calls `run` now and at each change, until the returned function is called. */
  readonly subscribe: (run: (snapshot: Snapshot<Recipe, Data>) => void) => () => void;
  /** See `ChatConnection.send`. The promise may be left alone: `messages` tells the outcome. */
  readonly send: (content: string, data?: Data) => Promise<Update<Recipe>>;
  /** Connects now: for a button beside what `status` says. */
  readonly retry: () => void;
}

/** The chat of a recipe: `$chat` in a component is its snapshot. */
export function recipeChat<Recipe = unknown, Data extends object = Json>(
  recipeId: string,
  options: RecipeChatOptions,
): RecipeChat<Recipe, Data> {
  const store = new ChatStore<Recipe, Data>(recipeId, options);
  return {
    subscribe(run) {
      run(store.snapshot());
      const off = store.subscribe(() => run(store.snapshot()));
      const release = store.hold();
      return () => {
        release();
        off();
      };
    },
    send: store.send,
    retry: store.retry,
  };
}
