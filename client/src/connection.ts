// One connection to one recipe's chat, across as many sockets as it takes.

import {
  aboutAMinuteMs, backOffMs, isOffline, monotonicMs, msBetween, Timers, wallMs, watchPage,
} from './clock.js';
import { ENDED, eventAfter, isOurFault, LOST, type CloseInfo } from './closes.js';
import { Emitter, guard, type Off } from './emitter.js';
import { ChatError, NO_WEBSOCKET } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { freshId } from './ids.js';
import { MACHINE, type Action, type Event, type State } from './machine.js';
import type {
  Auth, AuthRequired, HistoryEntry, Ping, ReauthReason, ServerMessage, Session,
} from './messages.js';
import { closedError, Outbox } from './outbox.js';
import { isKnown, parseServerMessage } from './parse.js';
import { Return } from './return.js';
import { TokenSource, type Found } from './token-source.js';
import type {
  ChatEvents,
  ChatOptions,
  Json,
  Said,
  Status,
  Unsent,
  Update,
  WebSocketLike,
} from './types.js';
import { chatUrl } from './url.js';

const SUBPROTOCOL = 'recipe-chat.v2';
/** Authenticated for so long, a connection has stood, and the next back-off starts small. */
const STABLE_MS = 10_000;
const REAUTH_GRACE_MS = 30_000;
/** How much later than the server this client gives up a re-authentication. */
const REAUTH_SLACK_MS = 1_000;
/** Sockets in a row that did not open, after which the server is said to be out of reach. */
const UNREACHABLE_AFTER = 2;

export class ChatConnection<Recipe = unknown, Data extends object = Json> {
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
  readonly #events = new Emitter<ChatEvents<Recipe, Data>>();
  readonly #timers = new Timers();
  readonly #tokens: TokenSource;
  readonly #heartbeat: Heartbeat;
  readonly #return = new Return();
  #status: Status;
  #socket: WebSocketLike | null = null;
  /** Counts sockets, so that what belongs to an earlier one is known by its number. */
  #run = 0;
  /** Sockets in a row that did not stand. */
  #attempts = 0;
  /** Refreshes in a row that did not lead to a connection that stood. */
  #refreshes = 0;
  /** Sockets in a row that did not open. */
  #failures = 0;
  /** What follows the wait that runs, when that ends, and whether the server asked for it. */
  #next: (() => void) | null = null;
  #retryAt = 0;
  #isAnnounced = false;
  #close: CloseInfo | null = ENDED.unstarted;
  #authId = '';
  /** The token of the last `auth`, and whether it comes from no cache. */
  #token: string | null = null;
  #isFresh = false;
  /** The token of the last socket, if the server called it not yet valid. */
  #early: string | null = null;
  #reason: ReauthReason = 'requested';
  #stopWatching: (() => void) | null = null;

  /** Does nothing yet but check: `connect` starts. Throws a `TypeError` for a bad URL or id. */
  constructor(options: ChatOptions) {
    this.#options = options;
    this.#url = chatUrl(options.url, options.recipeId);
    const report = (fault: ChatError) => this.#events.emit('error', fault);
    this.#outbox = new Outbox(this.#url, options, report, () => this.#adopted());
    this.#tokens = new TokenSource(options, report);
    const lose = () => this.#raise('lost', ENDED.silent);
    this.#heartbeat = new Heartbeat(this.#timers, (ping) => this.#write(ping), lose);
    this.#status = this.#describe('closed', false, null);
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

  /** What waits for an answer, the oldest first; also what an earlier connection left. */
  get unsent(): readonly Unsent[] {
    return this.#outbox.unsent;
  }

  /** Calls `listener` at each event of this name, until the returned function is called. */
  on<Name extends keyof ChatEvents<Recipe, Data>>(
    name: Name,
    listener: (event: ChatEvents<Recipe, Data>[Name]) => void,
  ): Off {
    return this.#events.on(name, listener);
  }

  /** Connects now, unless it is on its way, or waits because the server has asked for that. */
  connect(): void {
    if (!this.#status.announced) this.#raise('connect');
  }

  /** Ends it. What was not answered is rejected with `kept` or `closed`. It may `connect` again. */
  close(): void {
    this.#raise('close', ENDED.asked);
  }

  /**
   * Says something, now or as soon as it is possible, once and in order. The promise is settled by
   * the server's answer, or rejected with a `ChatError`. Every such error is an `error` event as
   * well, so a promise may be left alone. `data` is for the other clients and the application.
   */
  send(content: string, data?: Data, id: string = freshId('msg_')): Promise<Update<Recipe>> {
    const isClosed = this.state === 'closed';
    const reply = isClosed ? Promise.reject(closedError(id)) : this.#outbox.add(id, content, data);
    reply.catch((fault: ChatError) => this.#events.emit('error', fault));
    this.#flush();
    return reply as Promise<Update<Recipe>>;
  }

  /** The one place where the state changes. */
  #raise(event: Event, why: CloseInfo | null = this.#close): void {
    const last = this.#status;
    const step = MACHINE[last.state][event];
    if (step === undefined) return;
    const [state, action] = step;
    if (event === 'connect') this.#outbox.start();
    const isLive = state === 'authenticating' || state === 'authenticated';
    if (!isLive && action !== 'wait_anew') this.#drop();
    if (state !== last.state || !isLive) this.#timers.clearAll();
    this.#close = state === 'authenticated' || last.state === 'closed' ? null : why;
    if (isLive || state === 'closed') this.#failures = 0;
    else if (event === 'lost' && last.state === 'connecting' && !isOffline()) this.#failures++;
    const isWaiting = state === 'reconnecting' || event === 'tokenless';
    const waitMs = isWaiting ? this.#waitMs(event, action) : 0;
    const reauthenticating = action === 'reauthenticate';
    const retryInMs = state === 'reconnecting' ? waitMs : null;
    const status = this.#describe(state, reauthenticating, retryInMs);
    this.#status = status;
    guard(() => this.#options.debug?.(event, status));
    this.#events.emit('state', status);
    if (last.reauthenticating !== reauthenticating) {
      this.#events.emit('reauth', { reauthenticating, reason: this.#reason });
    }
    // A listener may have closed it, or connected.
    if (this.#status === status) this.#act(action, waitMs);
  }

  #describe(state: State, reauthenticating: boolean, retryInMs: number | null): Status {
    const isAway = state === 'connecting' || state === 'reconnecting';
    const close = isAway && isOffline() ? ENDED.offline : this.#close;
    const cause = state === 'closed' ? null : this.#tokens.fault;
    const unreachable = this.#failures >= UNREACHABLE_AFTER;
    const announced = retryInMs !== null && this.#isAnnounced;
    return { state, reauthenticating, close, cause, unreachable, retryInMs, announced };
  }

  #act(action: Action, waitMs: number): void {
    switch (action) {
      case 'dial':
        this.#stopWatching ??= watchPage((event) => this.#notice(event));
        return void this.#use(this.#tokens.next(), () => this.#dial());
      case 'authenticate':
        this.#expect('open', this.#options.authTimeoutMs ?? 5_000, ENDED.authTimeout);
        return this.#sendAuth();
      case 'welcome':
        this.#timers.set('stable', STABLE_MS, () => (this.#attempts = this.#refreshes = 0));
        this.#heartbeat.watch(this.session?.ping_interval_ms, this.#options);
        return this.#flush();
      case 'renewed':
        this.#refreshes = 0;
        return this.#timers.clear('reauth');
      case 'reauthenticate':
        return this.#wait(waitMs, () => this.#renew(() => this.#sendAuth()));
      case 'refresh':
        this.#tokens.judge(this.#token, this.#close);
        return this.#wait(waitMs, () => {
          this.#renew((found) => {
            this.#tokens.keep(found);
            this.#raise('retry');
          });
        });
      case 'wait_anew':
        return this.#next === null ? undefined : this.#wait(waitMs, this.#next);
      case 'end':
        this.#stopWatching?.();
        this.#stopWatching = null;
        this.#tokens.stop();
        return this.#outbox.end(!isOurFault(this.#close));
      default:
        return this.#wait(waitMs, () => this.#raise('retry'));
    }
  }

  /** How long to wait before this is done. */
  #waitMs(event: Event, action: Action): number {
    const { minRetryMs = this.#return.withinMs } = this.#options;
    const { maxRetryMs = Math.max(minRetryMs, 30_000), retryDelay } = this.#options;
    const spread = Math.random();
    if (action === 'wait_anew') {
      const leftMs = Math.max(0, this.#retryAt - monotonicMs());
      return this.#isAnnounced || isOffline() ? leftMs : Math.min(leftMs, spread * minRetryMs);
    }
    const { retryAfterMs } = Object(this.#tokens.fault) as { retryAfterMs?: unknown };
    const isMinute = action === 'wait_a_minute';
    const slotMs = this.#return.takeWaitMs();
    const announcedMs = isMinute ? aboutAMinuteMs(spread) : Number(retryAfterMs) || slotMs;
    this.#isAnnounced = announcedMs > 0;
    const isRefresh = action === 'refresh' || action === 'reauthenticate';
    const attempt = isRefresh ? this.#refreshes++ : slotMs ? this.#attempts : this.#attempts++;
    // The first refresh is made at once: nobody lost a server.
    if (event === 'stale' && attempt === 0) return 0;
    if (slotMs) return slotMs;
    const ownMs = guard(() => retryDelay?.(attempt, this.#close)) ?? NaN;
    const isLength = ownMs >= 0;
    return Math.max(announcedMs, isLength ? ownMs : backOffMs(attempt, minRetryMs, maxRetryMs));
  }

  #wait(ms: number, next: () => void): void {
    this.#next = next;
    this.#retryAt = monotonicMs() + ms;
    const end = () => {
      this.#next = null;
      next();
    };
    if (ms === 0) end();
    else this.#timers.set('retry', ms, end);
  }

  /** Goes on with the token that was looked for, unless something else has happened meanwhile. */
  async #use(search: Promise<Found>, then: (found: Found) => void): Promise<void> {
    const run = this.#run;
    const found = await search;
    if (run !== this.#run) return;
    if (found.token === null) {
      return this.#raise(found.why === ENDED.tokenless ? 'tokenless' : 'refused', found.why);
    }
    this.#token = found.token;
    this.#isFresh = found.isFresh === true;
    then(found);
  }

  #renew(then: (found: Found) => void): void {
    void this.#use(this.#tokens.renew(this.#token), then);
  }

  #dial(): void {
    const { openTimeoutMs, WebSocket = globalThis.WebSocket } = this.#options;
    let socket: WebSocketLike;
    try {
      socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    } catch (cause) {
      const fault = new ChatError('unsupported', NO_WEBSOCKET, null, null, cause);
      this.#events.emit('error', fault);
      return this.#raise('refused', ENDED.unsupported);
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

  /** Without an answer in time the socket is taken for dead. */
  #expect(answer: string, ms: number, why: CloseInfo): void {
    this.#timers.set(answer, ms, () => this.#raise('lost', why));
  }

  /** An accepted pair of id and token is not accepted again: the id is always a new one. */
  #sendAuth(): void {
    this.#authId = freshId('auth_');
    const { presence = false } = this.#options;
    const wants = { resume: this.#return.request, ...(presence && { presence }) };
    const payload = { token: this.#token ?? '', ...wants };
    this.#write({ type: 'auth', id: this.#authId, timestamp: new Date().toISOString(), payload });
  }

  #write(message: Auth | Ping): void {
    this.#socket?.send(JSON.stringify(message));
  }

  /** What the browser tells of the network and the user. */
  #notice(event: 'wake' | 'offline'): void {
    if (event === 'wake') this.#heartbeat.probe();
    this.#raise(event, this.#close ?? LOST);
  }

  #receive(frame: unknown): void {
    const message = parseServerMessage(frame);
    if (this.#heartbeat.hear(message?.payload)) return;
    if (message === null) {
      return this.#events.emit('error', new ChatError('unreadable', 'No message of the protocol'));
    }
    if (isKnown(message)) {
      this.#receiveKnown(message);
    } else {
      this.unknownMessages++;
      this.#events.emit('unknown', message);
    }
  }

  #receiveKnown(message: ServerMessage): void {
    switch (message.type) {
      case 'chat_message':
        this.#return.follow(message);
        return this.#events.emit('message', message as Said<Data>);
      case 'recipe_update':
        return this.#receiveUpdate(message as Update<Recipe>);
      case 'going_away':
        return this.#return.expect(message.payload);
      case 'presence':
        return this.#events.emit('presence', message.payload);
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
    const resumed = this.#return.follow(update);
    this.recipe = recipe_data ?? this.recipe;
    this.session = session ?? this.session;
    this.history = history ?? this.history;
    if (request_id === this.#authId) {
      if (session) this.#outbox.own(session.user_id);
      this.#raise('acknowledged');
      if (resumed) this.#events.emit('resumed', resumed);
    } else {
      this.#outbox.resolve(update);
    }
    this.#events.emit('message', update);
  }

  #receiveAuthRequired({ timestamp, payload }: AuthRequired): void {
    if (this.reauthenticating || this.state !== 'authenticated') return;
    this.#reason = payload.reason;
    const leftMs = msBetween(timestamp, payload.deadline, REAUTH_GRACE_MS) + REAUTH_SLACK_MS;
    this.#timers.set('reauth', leftMs, () => this.#raise('stale', ENDED.reauthTimeout));
    this.#raise('auth_required');
  }

  #flush(): void {
    if (this.state !== 'authenticated') return;
    this.#outbox.flush(this.#run, wallMs(), (frame) => this.#socket?.send(frame));
  }

  /** Another component of this room is gone, and left what it has said. */
  #adopted(): void {
    this.#flush();
    this.#events.emit('state', this.#status);
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
