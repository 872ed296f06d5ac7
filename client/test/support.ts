// A socket without a network, a server without a socket, and a connection between them.

import { expect, vi } from 'vitest';

import { ChatConnection, type ChatError, type ChatOptions, type Status } from '../src/index.js';
import { textKey, type TextKey } from '../src/texts.js';
import type { ClientMessage, ReauthReason, ServerMessage } from '../src/index.js';

/** A moment of the server's clock, which is years away from that of this machine. */
export const SERVER_TIME = '2031-01-01T00:00:00.000Z';

export class FakeSocket {
  static all: FakeSocket[] = [];

  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  /** What was sent but pings, and the ids of those. */
  readonly frames: string[] = [];
  readonly pings: string[] = [];
  closedWith: number | undefined;
  /** As a server that lives does. */
  answersPings = true;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  send(frame: string): void {
    const message = JSON.parse(frame) as ClientMessage;
    if (message.type !== 'ping') this.frames.push(frame);
    else this.pings.push(message.id ?? '');
    if (message.type === 'ping' && this.answersPings) queueMicrotask(() => this.pong());
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  // What the server does.

  open(): void {
    this.onopen?.({} as never);
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) } as never);
  }

  sayRaw(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  end(code: number, reason = ''): void {
    this.onclose?.({ code, reason } as never);
  }

  // What the server heard.

  get heard(): ClientMessage[] {
    return this.frames.map((frame) => JSON.parse(frame) as ClientMessage);
  }

  get auths() {
    return this.heard.filter((message) => message.type === 'auth');
  }

  get chats() {
    return this.heard.filter((message) => message.type === 'chat_message');
  }

  get contents(): string[] {
    return this.chats.map((message) => message.payload.content);
  }

  pong(id: string | undefined = this.pings.at(-1)): void {
    this.say(envelope('pong', { request_id: id }));
  }

  accept(extra: object = {}): void {
    this.say(acknowledgement(this.auths.at(-1)?.id ?? 'none', extra));
  }

  answer(requestId: string, content = 'Done.', recipe: unknown = null): void {
    this.say(update({ request_id: requestId, content, recipe_data: recipe }));
  }
}

let serial = 0;

export function envelope<Type extends string, Payload>(type: Type, payload: Payload) {
  return { type, id: `server_${++serial}`, timestamp: SERVER_TIME, payload };
}

export function update(payload: object): ServerMessage {
  const nothing = { request_id: null, content: '', recipe_data: null };
  return envelope('recipe_update', { ...nothing, ...payload });
}

export function acknowledgement(requestId: string, extra: object = {}): ServerMessage {
  const at = (minutes: number) =>
    new Date(Date.parse(SERVER_TIME) + minutes * 60_000).toISOString();
  const times = { expires_at: at(15), reauth_at: at(14), ping_interval_ms: 30_000 };
  const session = { user_id: 'alice', ...times };
  const recipe_data = { title: 'Soup' };
  return update({ request_id: requestId, content: 'Welcome', recipe_data, session, ...extra });
}

export function authRequired(reason: ReauthReason = 'token_expiring', inMs = 30_000) {
  const deadline = new Date(Date.parse(SERVER_TIME) + inMs).toISOString();
  return envelope('auth_required', { reason, message: 'Token expiring soon', deadline });
}

export function refusal(error: string, requestId: string | null, retryAfterMs?: number) {
  const retry = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  return envelope('error', { error, message: `It is ${error}`, request_id: requestId, ...retry });
}

/** Lets promises settle, and nothing else: no time passes. */
export const settle = () => vi.advanceTimersByTimeAsync(0);
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Virtual time, no sockets, and dice that always fall on one half. */
export function reset(): void {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
}

export interface World {
  chat: ChatConnection<{ title: string }>;
  statuses: Status[];
  errors: ChatError[];
  getToken: ReturnType<typeof vi.fn>;
  refreshToken: ReturnType<typeof vi.fn>;
  /** Which text is shown. */
  key: () => TextKey;
}

export function world(options: Partial<ChatOptions> = {}): World {
  const getToken = vi.fn(() => 'token-1');
  let serialOfToken = 1;
  const refreshToken = vi.fn(async () => `token-${++serialOfToken}`);
  const chat = new ChatConnection<{ title: string }>({
    url: 'wss://chat.example.com',
    recipeId: 'soup',
    getToken,
    refreshToken,
    WebSocket: FakeSocket,
    ...options,
  });
  const statuses: Status[] = [];
  const errors: ChatError[] = [];
  chat.on('state', (status) => statuses.push(status));
  chat.on('error', (error) => errors.push(error));
  const key = () => textKey(chat.status);
  return { chat, statuses, errors, getToken, refreshToken, key };
}

// One constructor a state.

export async function connecting(options?: Partial<ChatOptions>): Promise<World> {
  const it = world(options);
  it.chat.connect();
  await settle();
  expect(it.chat.state).toBe('connecting');
  return it;
}

export async function authenticating(options?: Partial<ChatOptions>): Promise<World> {
  const it = await connecting(options);
  FakeSocket.last.open();
  expect(it.chat.state).toBe('authenticating');
  return it;
}

export async function authenticated(options?: Partial<ChatOptions>): Promise<World> {
  const it = await authenticating(options);
  FakeSocket.last.accept();
  expect(it.chat.state).toBe('authenticated');
  return it;
}

export async function reconnecting(options?: Partial<ChatOptions>): Promise<World> {
  const it = await connecting(options);
  FakeSocket.last.end(1006);
  expect(it.chat.state).toBe('reconnecting');
  return it;
}

/** From `reconnecting` to an open socket on which the `auth` was sent. */
export async function reopen(): Promise<FakeSocket> {
  const before = FakeSocket.all.length;
  for (let n = 0; n < 1_000 && FakeSocket.all.length === before; n++) await pass(100);
  expect(FakeSocket.all.length).toBe(before + 1);
  FakeSocket.last.open();
  return FakeSocket.last;
}

/** A `sessionStorage` of this test's own, denied or full if a test wants that. */
export function stubStorage(fault?: 'denied' | 'full'): Map<string, string> {
  const items = new Map<string, string>();
  const fail = () => {
    throw new DOMException('No room', 'AnyError');
  };
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
    ...(fault === 'full' && { setItem: fail }),
    ...(fault === 'denied' && { getItem: fail, setItem: fail, removeItem: fail }),
  });
  return items;
}
