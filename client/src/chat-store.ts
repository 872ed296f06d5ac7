// A chat as a store of snapshots: what React's hook, Vue's composable and Svelte's store share.

import { ENDED } from './closes.js';
import { ChatConnection } from './connection.js';
import type { ChatError } from './errors.js';
import { freshId } from './ids.js';
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
import type { ChatOptions, Json, Status, Update } from './types.js';

/** Without `outbox`, messages outlive their component in memory. */
export type RecipeChatOptions = Omit<ChatOptions, 'recipeId'>;

/** How a chat stands. It is replaced, never changed. */
export interface Snapshot<Recipe, Data = Json> {
  readonly status: Status;
  readonly state: State;
  readonly reauthenticating: boolean;
  /** What was said since the component is there, without what is in `history`. */
  readonly messages: readonly Line<Data>[];
  /** The room's last messages as of the last time that it was entered, the oldest first. */
  readonly history: readonly HistoryEntry[];
  readonly recipe: Recipe | null;
  readonly session: Session | null;
  /** Who is in the room, if the option `presence` is set; null: not known, or too many. */
  readonly present: readonly string[] | null;
  /** The last refused message; null again when one is accepted. */
  readonly error: ChatError | null;
}

/** For all that are given none: what is unsent is found again by the next component. */
const OUTBOX = memoryOutbox();

/** Connected while somebody holds it. Making one has no effect outside. */
export class ChatStore<Recipe, Data extends object = Json> {
  /** Called when nobody holds it or listens to it any more. */
  onIdle: () => void = () => {};
  readonly #chat: ChatConnection<Recipe, Data>;
  readonly #subscribers = new Set<() => void>();
  #options: RecipeChatOptions;
  #snapshot: Snapshot<Recipe, Data>;
  #lines: Lines = [];
  #error: ChatError | null = null;
  #present: readonly string[] | null = null;
  #holders = 0;
  #isConnected = false;

  constructor(recipeId: string, options: RecipeChatOptions) {
    this.#options = options;
    this.#chat = new ChatConnection<Recipe, Data>({
      outbox: OUTBOX,
      ...options,
      recipeId,
      getToken: () => this.#options.getToken(),
      refreshToken: async (stale) => {
        const { getToken, refreshToken } = this.#options;
        return refreshToken ? refreshToken(stale) : getToken();
      },
    });
    this.#snapshot = this.#fold();
    const chat = this.#chat;
    chat.on('state', ({ state }) => {
      if (state !== 'authenticated') this.#present = null;
      this.#change(this.#lines);
    });
    chat.on('reauth', () => this.#change(this.#lines));
    chat.on('presence', ({ users }) => {
      this.#present = users;
      this.#change(this.#lines);
    });
    chat.on('error', (error) => {
      // The status has the one, which is about no message; and what is kept still waits.
      if (error.code === 'token_unavailable' || error.code === 'kept') return;
      this.#change(failed(this.#lines, error), error);
    });
    chat.on('message', (message) => {
      const me = chat.session?.user_id ?? null;
      if (message.type === 'chat_message') {
        this.#change(heard(this.#lines, message, me, chat.history));
      } else {
        this.#change(answered(this.#lines, message), null);
      }
    });
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#subscribers.add(changed);
    return () => {
      this.#subscribers.delete(changed);
      queueMicrotask(this.#settle);
    };
  };

  /** Wants the connection, until the returned function is called. */
  readonly hold = (): (() => void) => {
    this.#holders++;
    // A moment later: StrictMode unmounts and mounts in one go, which needs no second socket.
    queueMicrotask(this.#settle);
    return () => {
      this.#holders--;
      queueMicrotask(this.#settle);
    };
  };

  readonly snapshot = (): Snapshot<Recipe, Data> => this.#snapshot;

  /** See `ChatConnection.send`. The promise may be left alone: `messages` tells the outcome. */
  readonly send = (content: string, data?: Data): Promise<Update<Recipe>> => {
    // An effect at the mount may be here before the connection: what it says waits, too.
    this.#settle();
    const id = freshId('msg_');
    const me = this.#chat.session?.user_id ?? this.#options.userId ?? null;
    this.#change(said(this.#lines, id, me, content, (data as Json | undefined) ?? null));
    return this.#chat.send(content, data, id);
  };

  /** Connects now: for a button beside what `status` says. */
  readonly retry = (): void => this.#chat.connect();

  /** Functions may be new ones; everything else stays as it was at first. */
  update(options: RecipeChatOptions): void {
    this.#options = options;
  }

  readonly #settle = (): void => {
    const isWanted = this.#holders > 0;
    if (!isWanted && this.#subscribers.size === 0) this.onIdle();
    if (isWanted === this.#isConnected) return;
    this.#isConnected = isWanted;
    if (isWanted) this.#chat.connect();
    else this.#chat.close();
  };

  #change(lines: Lines, error = this.#error): void {
    this.#lines = lines;
    this.#error = error;
    this.#snapshot = this.#fold();
    for (const changed of this.#subscribers) changed();
  }

  #fold(): Snapshot<Recipe, Data> {
    const { history, recipe, session, unsent } = this.#chat;
    const status = beforeTheStart(this.#chat.status);
    const { state, reauthenticating } = status;
    const user = session?.user_id ?? this.#options.userId ?? null;
    // What another user left waiting is that user's.
    const own = this.#lines.filter((line) => line.state !== 'pending' || isOf(line, user));
    this.#lines = without(resumed(own, unsent, user), history, user);
    // Nobody has checked what others sent.
    const messages = this.#lines as readonly Line<never>[];
    const chat = { messages, history, recipe, session, present: this.#present };
    return { status, state, reauthenticating, ...chat, error: this.#error };
  }
}

const isOf = ({ userId }: Line, user: string | null) => userId === null || userId === user;

/** On a server, and until the first effect, it is about to connect and not over. */
function beforeTheStart(status: Status): Status {
  if (status.close !== ENDED.unstarted) return status;
  return { ...status, state: 'connecting', close: null };
}
