// A Vue composable that holds a connection for as long as a component is mounted.

import {
  getCurrentInstance,
  onMounted,
  shallowRef,
  toValue,
  watchEffect,
  type MaybeRefOrGetter,
  type ShallowRef,
} from 'vue';

import { ChatStore, type RecipeChatOptions, type Snapshot } from './chat-store.js';
import type { Json, Update } from './types.js';

export type { RecipeChatOptions, Snapshot } from './chat-store.js';
export type { Line } from './lines.js';

export interface UseRecipeChatOptions extends RecipeChatOptions {
  /** False: it is not connected. Default true. */
  enabled?: boolean | undefined;
}

export interface RecipeChat<Recipe, Data = Json> {
  /** How the chat stands. */
  readonly chat: Readonly<ShallowRef<Snapshot<Recipe, Data>>>;
  /** See `ChatConnection.send`. The promise may be left alone: `messages` tells the outcome. */
  readonly send: (content: string, data?: Data) => Promise<Update<Recipe>>;
  /** Connects now: for a button beside what `status` says. */
  readonly retry: () => void;
}

/**
 * The chat of a recipe, connected from the mount on until its scope ends. Both arguments may be
 * refs or getters: a new recipe, `url` or `userId` is a new connection.
 */
export function useRecipeChat<Recipe = unknown, Data extends object = Json>(
  recipeId: MaybeRefOrGetter<string>,
  options: MaybeRefOrGetter<UseRecipeChatOptions>,
): RecipeChat<Recipe, Data> {
  const keyOf = () => {
    const { url, userId } = toValue(options);
    return JSON.stringify([toValue(recipeId), String(url), userId]);
  };
  let key = keyOf();
  let store = new ChatStore<Recipe, Data>(toValue(recipeId), toValue(options));
  const chat = shallowRef(store.snapshot());
  const follow = () =>
    watchEffect((onCleanup) => {
      const { enabled = true, ...latest } = toValue(options);
      if (key !== (key = keyOf())) store = new ChatStore<Recipe, Data>(toValue(recipeId), latest);
      const held = store;
      held.update(latest);
      chat.value = held.snapshot();
      const off = held.subscribe(() => (chat.value = held.snapshot()));
      const release = enabled ? held.hold() : () => {};
      // One function: of several, Vue before 3.5 calls the last.
      onCleanup(() => {
        off();
        release();
      });
    });
  // On a server nothing is mounted, and nothing connects.
  if (getCurrentInstance()) onMounted(follow);
  else follow();
  return { chat, send: (content, data) => store.send(content, data), retry: () => store.retry() };
}
