// The messages that the Rust tests read and write, as this client sees them.

import { readdirSync, readFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Auth, ClientChatMessage, ErrorCode, ServerMessage } from '../src/index.js';
import { parseServerMessage } from '../src/parse.js';
import { authenticated, FakeSocket, reopen, reset } from './support.js';

const FOLDER = new URL('../../tests/fixtures/messages/', import.meta.url);
const FIXTURES = new Map(
  readdirSync(FOLDER).map((name) => [
    name.replace('.json', ''),
    readFileSync(new URL(name, FOLDER), 'utf8'),
  ]),
);
const SERVER = [...FIXTURES.keys()].filter((name) => name.startsWith('server_'));

/** What one is of, by its file's name. */
const TYPES: Record<string, ServerMessage['type']> = {
  server_auth_required: 'auth_required',
  server_chat_message: 'chat_message',
  server_error: 'error',
  server_going_away: 'going_away',
  server_pong: 'pong',
  server_presence: 'presence',
  server_recipe_update: 'recipe_update',
};

/** The types of the leaves, so that values may differ. */
function form(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, form(inner)]));
}

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

test('they are there', () => {
  expect(SERVER.length).toBeGreaterThanOrEqual(14);
  expect(FIXTURES.size - SERVER.length).toBe(5);
});

describe('every message of the server', () => {
  for (const name of SERVER) {
    test(`${name} is read as it is`, () => {
      const text = FIXTURES.get(name) ?? '';
      const message = parseServerMessage(text);
      expect(message).toEqual(JSON.parse(text));
      const type = Object.entries(TYPES).find(([prefix]) => name.startsWith(prefix))?.[1];
      expect(message?.type).toBe(type);
    });

    test(`${name} without any one of its fields is not read, or does without`, () => {
      const whole = JSON.parse(FIXTURES.get(name) ?? '') as Record<string, object>;
      for (const field of Object.keys(whole)) {
        const { [field]: _, ...rest } = whole;
        expect(parseServerMessage(JSON.stringify(rest)), field).toBe(null);
      }
      // Nothing that a peer leaves out makes the reader throw.
      for (const field of Object.keys(whole['payload'] ?? {})) {
        const { [field as never]: _, ...payload } = whole['payload'] ?? {};
        parseServerMessage(JSON.stringify({ ...whole, payload }));
      }
    });
  }
});

test('every error code has a message, and rejects the promise that it is about', async () => {
  const names = SERVER.filter((name) => name.startsWith('server_error_'));
  const codes = names.map((name) => name.replace('server_error_', '') as ErrorCode);
  const all: Record<ErrorCode, true> = {
    invalid_json: true,
    invalid_message: true,
    rate_limited: true,
    backend_unavailable: true,
    backend_timeout: true,
    not_delivered: true,
    internal: true,
  };
  expect(codes.sort()).toEqual(Object.keys(all).sort());
  const it = await authenticated();
  for (const name of names) {
    const message = JSON.parse(FIXTURES.get(name) ?? '');
    const { error, request_id, retry_after_ms = null } = message.payload;
    const reply = request_id === null ? null : it.chat.send('x', undefined, request_id);
    FakeSocket.last.say(message);
    const expected = { code: error, requestId: request_id, retryAfterMs: retry_after_ms };
    if (reply !== null) await expect(reply).rejects.toMatchObject(expected);
    expect(it.errors.at(-1)).toMatchObject(expected);
  }
});

test('what this client says has the form of the client’s messages', async () => {
  const it = await authenticated();
  const resume = { memo: 'AAAB', position: '0.X-0VBLUp', window_ms: 120_000 };
  const session = { user_id: 'alice', expires_at: '', reauth_at: '', resume };
  FakeSocket.last.accept({ session, resumed: false });
  FakeSocket.last.end(1006);
  await reopen();
  FakeSocket.last.accept();
  void it.chat.send('Scale to 8 servings');
  const [auth] = FakeSocket.last.auths;
  const [chat] = FakeSocket.last.chats;
  const goldenAuth = JSON.parse(FIXTURES.get('client_auth_resume') ?? '') as Auth;
  const goldenChat = JSON.parse(FIXTURES.get('client_chat_message') ?? '') as ClientChatMessage;
  expect(form(auth)).toEqual(form(goldenAuth));
  expect(form(chat)).toEqual(form(goldenChat));
  expect(chat?.payload).toEqual(goldenChat.payload);
});
