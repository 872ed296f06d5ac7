// One connection to one recipe's chat, across as many sockets as it takes.

import { backOffMs, msBetween, onWake, Timers } from './clock.js';
import { ENDED, eventAfter, isUsedUp, textOf, type CloseInfo } from './closes.js';
import { Emitter, type Off } from './emitter.js';
import { ChatError, isPassing } from './errors.js';
import { freshId } from './ids.js';
import { MACHINE, type Action, type Event, type State } from './machine.js';
import type {
  Auth,
  AuthRequired,
  HistoryEntry,
  ReauthReason,
  ServerMessage,
  Session,
} from './messages.js';
import { closedError, Outbox } from './outbox.js';
import { isKnown, parseServerMessage } from './parse.js';
import type { ChatEvents, ChatOptions, Status, Update, WebSocketLike } from './types.js';
import { chatUrl } from './url.js';

const SUBPROTOCOL = 'recipe-chat.v2';
const MINUTE_MS = 60_000;
/** So that an office behind one address does not come back as one. */
const MINUTE_SPREAD_MS = 10_000;
/** Authenticated for so long, a connection has stood, and the next back-off starts small. */
const STABLE_MS = 10_000;
const REAUTH_GRACE_MS = 30_000;
/** How much later than the server this client gives up a re-authentication. */
const REAUTH_SLACK_MS = 1_000;
/** Sockets in a row that did not open, after which the server is said to be out of reach. */
const UNREACHABLE_AFTER = 2;
/** How late an `auth_required` may come before the network is taken for dead. */
const REAUTH_LATE_MS = 30_000;

export class ChatConnection<Recipe = unknown> {
  /** Who we are and how long the server takes it for true; null before the first time. */
  session: Session | null = null;
  /** The last recipe that the server sent. */
  recipe: Recipe | null = null;
  /** The room's last messages as of the last time that it was entered, the oldest first. */
  history: readonly HistoryEntry[] = [];
  /** How many messages of an unknown type were ignored. */
  unknownMessages = 0;

  readonly #options: ChatOptions;
  readonly #url: string;
  readonly #outbox: Outbox;
  readonly #events = new Emitter<ChatEvents<Recipe>>();
  readonly #timers = new Timers();
  #status: Status;
  #socket: WebSocketLike | null = null;
  /** Counts sockets, so that what belongs to an earlier one is known by its number. */
  #run = 0;
  /** Sockets in a row that did not stand. */
  #attempts = 0;
  /** Sockets in a row that did not open. */
  #failures = 0;
  #authId = '';
  /** The token of the last `auth`. */
  #token: string | null = null;
  /** A token that the server called too old, or invalid. */
  #stale: string | null = null;
  /** The token of the last `auth` was refreshed for it: it comes from no cache. */
  #isFresh = false;
  /** The token of the last socket, if the server called it not yet valid. */
  #early: string | null = null;
  /** A token from a refresh, for the next socket. */
  #fresh: string | null = null;
  #renewing: Promise<string | null> | null = null;
  #reason: ReauthReason = 'requested';
  #stopListening = () => {};

  /** Does nothing yet but check: `connect` starts. Throws a `TypeError` for a bad URL or id. */
  constructor(options: ChatOptions) {
    this.#options = options;
    this.#url = chatUrl(options.url, options.recipeId);
    this.#outbox = new Outbox(options.maxQueue ?? 32);
    const close = ENDED.unstarted;
    const text = textOf('closed', false, close, false);
    this.#status = { state: 'closed', text, reauthenticating: false, close, retryInMs: null };
  }

  get status(): Status {
    return this.#status;
  }

  get state(): State {
    return this.#status.state;
  }

  get reauthenticating(): boolean {
    return this.#status.reauthenticating;
  }

  /** Calls `listener` at each event of this name, until the returned function is called. */
  on<Name extends keyof ChatEvents<Recipe>>(
    name: Name,
    listener: (event: ChatEvents<Recipe>[Name]) => void,
  ): Off {
    return this.#events.on(name, listener);
  }

  /** Connects now, also where a wait to do so has begun. Nothing, where it is on its way. */
  connect(): void {
    this.#raise('connect');
  }

  /** Ends it. What was not answered is rejected with `closed`. It may `connect` again. */
  close(): void {
    this.#raise('close', ENDED.asked);
  }

  /**
   * Says something, now or as soon as it is possible, once and in order. The promise is settled by
   * the server's answer, or rejected with a `ChatError`. Every such error is an `error` event as
   * well, so a promise may be left alone.
   */
  send(content: string, id: string = freshId('msg_')): Promise<Update<Recipe>> {
    const isClosed = this.state === 'closed';
    const reply = isClosed ? Promise.reject(closedError(id)) : this.#outbox.add(id, content);
    reply.catch((fault: ChatError) => this.#events.emit('error', fault));
    this.#flush();
    return reply as Promise<Update<Recipe>>;
  }

  /** The one place where the state changes. */
  #raise(event: Event, why: CloseInfo | null = this.#status.close): void {
    const last = this.#status;
    const step = MACHINE[last.state][event];
    if (step === null) return;
    const [state, action] = step;
    const isLive = state === 'authenticating' || state === 'authenticated';
    if (!isLive) this.#drop();
    if (state !== last.state || !isLive) this.#stopWaiting();
    const close = state === 'authenticated' || last.state === 'closed' ? null : why;
    const reauthenticating = action === 'reauthenticate';
    if (state === 'authenticated' || state === 'closed') this.#failures = 0;
    else if (last.state === 'connecting' && state === 'reconnecting') this.#failures++;
    const isGone = this.#failures >= UNREACHABLE_AFTER;
    const text = textOf(state, reauthenticating, close, isGone);
    const retryInMs = state === 'reconnecting' ? this.#waitMs(action) : null;
    const status: Status = { state, text, reauthenticating, close, retryInMs };
    this.#status = status;
    this.#events.emit('state', status);
    if (last.reauthenticating !== reauthenticating) {
      this.#events.emit('reauth', { reauthenticating, reason: this.#reason });
    }
    // A listener may have closed it, or connected.
    if (this.#status === status) this.#act(action, retryInMs ?? 0);
  }

  #act(action: Action, waitMs: number): void {
    switch (action) {
      case 'dial':
        return void this.#dial();
      case 'authenticate':
        return this.#authenticate();
      case 'welcome':
        this.#timers.set('stable', STABLE_MS, () => (this.#attempts = 0));
        return this.#flush();
      case 'renewed':
        return this.#timers.clear('reauth');
      case 'reauthenticate':
        return void this.#reauthenticate();
      case 'back_off':
        return this.#wait(waitMs, true, () => this.#raise('retry'));
      case 'wait_a_minute':
        return this.#wait(waitMs, false, () => this.#raise('retry'));
      case 'refresh':
        if (isUsedUp(this.#status.close)) this.#stale = this.#token;
        return this.#wait(waitMs, true, () => void this.#refresh());
      case 'end':
        return this.#outbox.rejectAll();
    }
  }

  #waitMs(action: Action): number {
    const random = Math.random();
    if (action === 'wait_a_minute') return MINUTE_MS + random * MINUTE_SPREAD_MS;
    const attempt = this.#attempts++;
    // The first refresh is made at once: nobody lost a server.
    return action === 'refresh' && attempt === 0 ? 0 : backOffMs(attempt, random);
  }

  #wait(ms: number, isCutShort: boolean, then: () => void): void {
    if (ms === 0) return then();
    const end = () => {
      this.#stopWaiting();
      then();
    };
    this.#timers.set('retry', ms, end);
    if (isCutShort) this.#stopListening = onWake(end);
  }

  #stopWaiting(): void {
    this.#timers.clearAll();
    this.#stopListening();
    this.#stopListening = () => {};
  }

  async #dial(): Promise<void> {
    const run = this.#run;
    const { getToken, openTimeoutMs, WebSocket = globalThis.WebSocket } = this.#options;
    const end = (event: Event, why: CloseInfo) => run === this.#run && this.#raise(event, why);
    try {
      let token = this.#fresh ?? (await getToken());
      let isFresh = this.#fresh !== null;
      this.#fresh = null;
      if (token === null || token === this.#stale) {
        token = await this.#renew(token);
        isFresh = true;
      }
      if (token === null || token === this.#stale) return void end('expired', ENDED.expired);
      if (run !== this.#run) return;
      this.#token = token;
      this.#isFresh = isFresh;
    } catch (fault) {
      if (isPassing(fault)) return void end('lost', ENDED.unreachable);
      return void end('expired', ENDED.expired);
    }
    let socket: WebSocketLike;
    try {
      socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    } catch {
      return void end('refused', ENDED.unsupported);
    }
    this.#socket = socket;
    socket.onopen = () => this.#raise('open');
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(data);
    // An error says nothing that the end after it does not.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: CloseInfo) => {
      const close = { code, reason };
      // Of clocks that differ a little, a wait makes it valid; of wrong dates, only a new one is.
      const isEarly = reason === 'Token not yet valid';
      const isAgain = isEarly && this.#early === this.#token;
      this.#early = isEarly ? this.#token : null;
      this.#raise(isAgain ? 'stale' : eventAfter(close, this.#isFresh), close);
    };
    this.#expect('open', openTimeoutMs ?? 10_000, ENDED.unopened);
  }

  #authenticate(): void {
    this.#expect('open', this.#options.authTimeoutMs ?? 5_000, ENDED.authTimeout);
    this.#sendAuth(this.#token ?? '');
  }

  /** Without an answer in time the socket is taken for dead. */
  #expect(answer: string, ms: number, why: CloseInfo): void {
    this.#timers.set(answer, ms, () => this.#raise('timeout', why));
  }

  /** An accepted pair of id and token is not accepted again: the id is always a new one. */
  #sendAuth(token: string): void {
    this.#token = token;
    this.#authId = freshId('auth_');
    const timestamp = new Date().toISOString();
    const auth: Auth = { type: 'auth', id: this.#authId, timestamp, payload: { token } };
    this.#socket?.send(JSON.stringify(auth));
  }

  /** However many ask, there is one request. */
  #renew(stale: string | null): Promise<string | null> {
    const { getToken, refreshToken } = this.#options;
    const ask = async () => (refreshToken ? refreshToken(stale) : getToken());
    this.#renewing ??= ask().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** Before a new socket, because the last one ended for its token. */
  async #refresh(): Promise<void> {
    const run = this.#run;
    const end = (event: Event, why?: CloseInfo) => run === this.#run && this.#raise(event, why);
    try {
      const token = await this.#renew(this.#token);
      if (token === null || token === this.#stale) return void end('expired', ENDED.expired);
      if (run === this.#run) this.#fresh = token;
      end('retry');
    } catch (fault) {
      if (isPassing(fault)) return void end('stale', ENDED.unreachable);
      end('expired', ENDED.expired);
    }
  }

  /** On the live socket, because the server asked. Refreshes until one gets through or it ends. */
  async #reauthenticate(attempt = 0): Promise<void> {
    const run = this.#run;
    try {
      const token = await this.#renew(this.#token);
      if (run !== this.#run) return;
      if (token === null) return this.#raise('expired', ENDED.expired);
      this.#isFresh = true;
      this.#sendAuth(token);
    } catch (fault) {
      if (run !== this.#run) return;
      if (!isPassing(fault)) return this.#raise('expired', ENDED.expired);
      const waitMs = backOffMs(attempt, Math.random());
      this.#timers.set('renew', waitMs, () => void this.#reauthenticate(attempt + 1));
    }
  }

  #receive(frame: unknown): void {
    const message = parseServerMessage(frame);
    if (message === null) {
      const text = 'The server said something that is not of this protocol';
      this.#events.emit('error', new ChatError('unreadable', text));
      return;
    }
    if (isKnown(message)) {
      this.#receiveKnown(message);
    } else {
      this.unknownMessages++;
      this.#events.emit('unknown', message);
    }
    this.#watch();
  }

  #receiveKnown(message: ServerMessage): void {
    switch (message.type) {
      case 'chat_message':
        return this.#events.emit('message', message);
      case 'recipe_update':
        return this.#receiveUpdate(message as Update<Recipe>);
      case 'auth_required':
        return this.#receiveAuthRequired(message);
      case 'error': {
        const { error, message: text, request_id, retry_after_ms } = message.payload;
        const fault = new ChatError(error, text, request_id, retry_after_ms ?? null);
        if (!this.#outbox.reject(fault)) this.#events.emit('error', fault);
      }
    }
  }

  #receiveUpdate(update: Update<Recipe>): void {
    const { request_id, recipe_data, session, history } = update.payload;
    this.recipe = recipe_data ?? this.recipe;
    this.session = session ?? this.session;
    this.history = history ?? this.history;
    if (request_id === this.#authId) {
      this.#raise('acknowledged');
      this.#awaitReauth(update);
    } else {
      this.#outbox.resolve(update);
    }
    this.#events.emit('message', update);
  }

  /** Who only listens hears of a dead network by the `auth_required` that does not come. */
  #awaitReauth({ timestamp, payload: { session } }: Update<Recipe>): void {
    if (session === undefined || this.state !== 'authenticated') return;
    const inMs = msBetween(timestamp, session.reauth_at, Number.MAX_SAFE_INTEGER);
    this.#expect('due', inMs + REAUTH_LATE_MS, ENDED.silent);
  }

  #receiveAuthRequired({ timestamp, payload }: AuthRequired): void {
    if (this.reauthenticating || this.state !== 'authenticated') return;
    this.#reason = payload.reason;
    const leftMs = msBetween(timestamp, payload.deadline, REAUTH_GRACE_MS) + REAUTH_SLACK_MS;
    this.#timers.clear('due');
    this.#timers.set('reauth', leftMs, () => this.#raise('stale', ENDED.reauthTimeout));
    this.#raise('auth_required');
  }

  #flush(): void {
    if (this.state !== 'authenticated') return;
    const nowMs = performance.now();
    this.#outbox.flush(this.#run, nowMs, (frame) => this.#socket?.send(frame));
    if (!this.#timers.has('answer')) this.#watch();
  }

  /** A network that dies without a word is noticed by the answers that are missing. */
  #watch(): void {
    if (this.state === 'authenticated' && this.#outbox.isAwaiting(this.#run)) {
      this.#expect('answer', this.#options.silenceTimeoutMs ?? 30_000, ENDED.silent);
    } else {
      this.#timers.clear('answer');
    }
  }

  /** What an earlier socket still has to say is not heard. */
  #drop(): void {
    this.#run++;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }
}
