'use client';
// A hook that holds a connection for as long as a component shows it, and an indicator.

import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from 'react';

import { ChatStore, type RecipeChatOptions, type Snapshot } from './chat-store.js';
import { askBeforeLeaving } from './leaving.js';
import { viewOf, type StatusView, type Texts } from './texts.js';
import type { Json, Status, Update } from './types.js';

export type { RecipeChatOptions } from './chat-store.js';
export type { Line } from './lines.js';

export interface RecipeChat<Recipe, Data = Json> extends Snapshot<Recipe, Data> {
  /** See `ChatConnection.send`. The promise may be left alone: `messages` tells the outcome. */
  readonly send: (content: string, data?: Data) => Promise<Update<Recipe>>;
  /** Connects now: for a button beside what `status` says. */
  readonly retry: () => void;
}

/** What a `ChatProvider` has need not be said again. */
export interface UseRecipeChatOptions extends Partial<RecipeChatOptions> {
  /** False: it is not connected. Default true. */
  enabled?: boolean | undefined;
}

interface Shared {
  readonly options: RecipeChatOptions;
  /** By recipe, server and user. */
  readonly stores: Map<string, ChatStore<unknown>>;
}

const SharedContext = createContext<Shared | null>(null);

export interface ChatProviderProps extends RecipeChatOptions {
  children?: ReactNode;
}

/** Options for the chats in it; components of the same recipe share one connection. */
export function ChatProvider({ children, ...options }: ChatProviderProps): ReactElement {
  const [stores] = useState(() => new Map<string, ChatStore<unknown>>());
  return createElement(SharedContext, { value: { options, stores } }, children);
}

/**
 * The chat of a recipe, connected for as long as the component is mounted. Functions may be new at
 * each render; a new `url`, `userId` or recipe is a new connection.
 */
export function useRecipeChat<Recipe = unknown, Data extends object = Json>(
  recipeId: string,
  { enabled = true, ...own }: UseRecipeChatOptions = {},
): RecipeChat<Recipe, Data> {
  const shared = useContext(SharedContext);
  const options = { ...shared?.options, ...own } as RecipeChatOptions;
  if (options.url === undefined || options.getToken === undefined) {
    throw new TypeError('useRecipeChat needs `url` and `getToken`, or a ChatProvider with them');
  }
  const key = JSON.stringify([recipeId, String(options.url), options.userId]);
  const stores = shared?.stores;
  // Counts the times that it changed to another component's store.
  const [moves, setMoves] = useState(0);
  // Later options are passed on below.
  const store = useMemo(
    () => storeOf<Recipe, Data>(stores, key, recipeId, options),
    [stores, key, moves],
  );
  useEffect(() => {
    store.update(options);
    // A component that was hidden has let go of its store. It takes it again, or the one that
    // another component has made since then.
    const known: unknown = stores?.get(key);
    if (known === undefined) stores?.set(key, store as unknown as ChatStore<unknown>);
    else if (known !== store) setMoves((count) => count + 1);
  });
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  useEffect(() => {
    // A store that is about to be changed for another one would connect for a moment.
    const isShared = stores === undefined || stores.get(key) === (store as unknown);
    return enabled && isShared ? store.hold() : undefined;
  }, [store, enabled, moves]);
  const { send, retry } = store;
  return useMemo(() => ({ ...snapshot, send, retry }), [snapshot, send, retry]);
}

function storeOf<Recipe, Data extends object>(
  stores: Shared['stores'] | undefined,
  key: string,
  recipeId: string,
  options: RecipeChatOptions,
): ChatStore<Recipe, Data> {
  const known = stores?.get(key) as unknown as ChatStore<Recipe, Data> | undefined;
  if (known !== undefined) return known;
  const store = new ChatStore<Recipe, Data>(recipeId, options);
  stores?.set(key, store as unknown as ChatStore<unknown>);
  store.onIdle = () => {
    if (stores?.get(key) === (store as unknown)) stores?.delete(key);
  };
  return store;
}

/** Asks before the user leaves the page while this chat has messages without an answer. */
export function useLeaveWarning({ messages }: Pick<RecipeChat<unknown>, 'messages'>): void {
  const isWaiting = messages.some((line) => line.state === 'pending');
  useEffect(() => (isWaiting ? askBeforeLeaving(() => true) : undefined), [isWaiting]);
}

const DOT: Readonly<Record<string, string>> = {
  green: '#1a7f37',
  yellow: '#d4a72c',
  red: '#cf222e',
};

export interface ConnectionStatusProps {
  status: Status;
  /** Default: English. */
  texts?: Texts | undefined;
  /** Default: `vestibule-status`. */
  className?: string | undefined;
}

/** The view of a status, which counts its wait down. */
export function useStatusView(status: Status, texts?: Texts): StatusView {
  const { retryInMs } = status;
  const [counted, setCounted] = useState({ status, ms: 0 });
  const ms = counted.status === status ? counted.ms : 0;
  useEffect(() => {
    if (retryInMs === null) return;
    const tick = () => setCounted((last) => ({ status, ms: sinceOf(last, status) + 1_000 }));
    const timer = setInterval(tick, 1_000);
    return () => clearInterval(timer);
  }, [status, retryInMs]);
  return viewOf(status, texts, Math.max(0, (retryInMs ?? 0) - ms));
}

const sinceOf = (counted: { status: Status; ms: number }, status: Status) =>
  counted.status === status ? counted.ms : 0;

/** A dot and a text, announced to screen readers. Style it by `data-color` and `data-state`. */
export function ConnectionStatus(props: ConnectionStatusProps): ReactElement {
  const { status, texts, className = 'vestibule-status' } = props;
  const { color, text, wait } = useStatusView(status, texts);
  const dot = { borderRadius: '50%', display: 'inline-block', width: '0.6em', height: '0.6em' };
  return (
    <span role="status" className={className} data-state={status.state} data-color={color}>
      <span aria-hidden="true" style={{ ...dot, background: DOT[color] }} /> {text}
      {/* A countdown that is read out each second is a nuisance. */}
      {wait !== '' && (
        <small aria-hidden="true" style={{ fontSize: 'inherit' }}>
          {wait}
        </small>
      )}
    </span>
  );
}
