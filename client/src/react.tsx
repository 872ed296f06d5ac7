'use client';
// A hook that holds a connection for as long as a component shows it, and an indicator.

import { useEffect, useMemo, useState, useSyncExternalStore, type ReactElement } from 'react';

import { ChatConnection } from './connection.js';
import { ENDED } from './closes.js';
import type { ChatError } from './errors.js';
import { freshId } from './ids.js';
import { askBeforeLeaving } from './leaving.js';
import {
  answered,
  failed,
  heard,
  resumed,
  said,
  without,
  type Line,
  type Lines,
} from './lines.js';
import type { State } from './machine.js';
import type { HistoryEntry, Session } from './messages.js';
import { memoryOutbox } from './outbox-stores.js';
import { viewOf, type StatusView, type Texts } from './texts.js';
import type { ChatOptions, Status, Update } from './types.js';

export type { Line } from './lines.js';

/**
 * Functions may be new at each render; a new `url`, `userId` or recipe is a new connection. Without
 * `outbox`, messages outlive their component in memory.
 */
export type RecipeChatOptions = Omit<ChatOptions, 'recipeId'>;

/** What changes. */
interface Snapshot<Recipe> {
  readonly status: Status;
  readonly state: State;
  readonly reauthenticating: boolean;
  /** What was said since the component is there, without what is in `history`. */
  readonly messages: readonly Line[];
  /** The room's last messages as of the last time that it was entered, the oldest first. */
  readonly history: readonly HistoryEntry[];
  readonly recipe: Recipe | null;
  readonly session: Session | null;
  /** The last refused message; null again when one is accepted. */
  readonly error: ChatError | null;
}

export interface RecipeChat<Recipe> extends Snapshot<Recipe> {
  /** See `ChatConnection.send`. The promise may be left alone: `messages` tells the outcome. */
  readonly send: (content: string) => Promise<Update<Recipe>>;
  /** Connects now: for a button beside what `status` says. */
  readonly retry: () => void;
}

/** The chat of a recipe, connected for as long as the component is mounted. */
export function useRecipeChat<Recipe = unknown>(
  recipeId: string,
  options: RecipeChatOptions,
): RecipeChat<Recipe> {
  const url = String(options.url);
  const { userId } = options;
  // Later options are passed on below.
  const held = useMemo(() => new Held<Recipe>(recipeId, options), [recipeId, url, userId]);
  useEffect(() => held.update(options));
  const snapshot = useSyncExternalStore(held.subscribe, held.snapshot, held.snapshot);
  const { send, retry } = held;
  return useMemo(() => ({ ...snapshot, send, retry }), [snapshot, send, retry]);
}

/** Asks before the user leaves the page while this chat has messages without an answer. */
export function useLeaveWarning({ messages }: Pick<RecipeChat<unknown>, 'messages'>): void {
  const isWaiting = messages.some((line) => line.state === 'pending');
  useEffect(() => (isWaiting ? askBeforeLeaving(() => true) : undefined), [isWaiting]);
}

/** For all hooks that are given none: what is unsent is found again by the next component. */
const OUTBOX = memoryOutbox();

/** A connection as a store: open while somebody is subscribed. Making one has no effect outside. */
class Held<Recipe> {
  readonly #chat: ChatConnection<Recipe>;
  readonly #subscribers = new Set<() => void>();
  #options: RecipeChatOptions;
  #snapshot: Snapshot<Recipe>;
  #isConnected = false;

  constructor(recipeId: string, options: RecipeChatOptions) {
    this.#options = options;
    this.#chat = new ChatConnection<Recipe>({
      outbox: OUTBOX,
      ...options,
      recipeId,
      getToken: () => this.#options.getToken(),
      refreshToken: async (stale) => {
        const { getToken, refreshToken } = this.#options;
        return refreshToken ? refreshToken(stale) : getToken();
      },
    });
    this.#snapshot = this.#fold({ messages: [], error: null });
    const chat = this.#chat;
    chat.on('state', () => this.#change({}));
    chat.on('reauth', () => this.#change({}));
    chat.on('error', (error) => {
      // The status has the one, which is about no message; and what is kept still waits.
      if (error.code === 'token_unavailable' || error.code === 'kept') return;
      this.#change({ messages: failed(this.#snapshot.messages, error), error });
    });
    chat.on('message', (message) => {
      const { messages } = this.#snapshot;
      const me = chat.session?.user_id ?? null;
      if (message.type === 'chat_message') {
        this.#change({ messages: heard(messages, message, me) });
      } else {
        this.#change({ messages: answered(messages, message), error: null });
      }
    });
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#subscribers.add(changed);
    // A moment later: StrictMode unmounts and mounts in one go, which needs no second socket.
    queueMicrotask(this.#settle);
    return () => {
      this.#subscribers.delete(changed);
      queueMicrotask(this.#settle);
    };
  };

  readonly snapshot = (): Snapshot<Recipe> => this.#snapshot;

  readonly send = (content: string): Promise<Update<Recipe>> => {
    // An effect at the mount may be here before the connection: what it says waits, too.
    this.#settle();
    const id = freshId('msg_');
    const me = this.#chat.session?.user_id ?? this.#options.userId ?? null;
    this.#change({ messages: said(this.#snapshot.messages, id, me, content) });
    return this.#chat.send(content, id);
  };

  readonly retry = (): void => this.#chat.connect();

  update(options: RecipeChatOptions): void {
    this.#options = options;
  }

  readonly #settle = (): void => {
    const isWanted = this.#subscribers.size > 0;
    if (isWanted === this.#isConnected) return;
    this.#isConnected = isWanted;
    if (isWanted) this.#chat.connect();
    else this.#chat.close();
  };

  #change(folded: { messages?: Lines; error?: ChatError | null }): void {
    this.#snapshot = this.#fold({ ...this.#snapshot, ...folded });
    for (const changed of this.#subscribers) changed();
  }

  #fold({ messages, error }: { messages: Lines; error: ChatError | null }): Snapshot<Recipe> {
    const { history, recipe, session, unsent } = this.#chat;
    const status = beforeTheStart(this.#chat.status);
    const { state, reauthenticating } = status;
    const user = session?.user_id ?? this.#options.userId ?? null;
    // What another user left waiting is that user's.
    const own = messages.filter((line) => line.state !== 'pending' || isOf(line, user));
    const rest = without(resumed(own, unsent, user), history);
    return { status, state, reauthenticating, messages: rest, history, recipe, session, error };
  }
}

const isOf = ({ userId }: Line, user: string | null) => userId === null || userId === user;

/** On a server, and until the first effect, it is about to connect and not over. */
function beforeTheStart(status: Status): Status {
  if (status.close !== ENDED.unstarted) return status;
  return { ...status, state: 'connecting', close: null };
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
