// From text to a message: checks all that this client relies on, and nothing more.

import type { ServerMessage } from './messages.js';
import type { UnknownMessage } from './types.js';

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === 'string';
const isTextOrNull = (value: unknown) => value === null || isText(value);

const isNumber = (value: unknown) => typeof value === 'number';
const isNumberOrMissing = (value: unknown) => value === undefined || isNumber(value);
const isSession = (value: unknown) =>
  isObject(value) &&
  isText(value['user_id']) &&
  isNumberOrMissing(value['ping_interval_ms']) &&
  isNumberOrMissing((value['reconnect'] as Fields | undefined)?.['within_ms']);

/** The fields on which this client, or code that uses it, stumbles if they are wrong. */
const CHECKS: Record<ServerMessage['type'], (payload: Fields) => boolean> = {
  auth_required: ({ reason, deadline }) => isText(reason) && isText(deadline),
  chat_message: ({ content, user_id, data = {} }) =>
    isText(content) && isText(user_id) && isObject(data),
  going_away: ({ reconnect_after_ms, within_ms }) =>
    isNumber(reconnect_after_ms) && isNumberOrMissing(within_ms),
  pong: ({ request_id }) => isTextOrNull(request_id),
  presence: ({ users, connections }) =>
    (users === null || (Array.isArray(users) && users.every(isText))) &&
    isNumber(connections),
  error: ({ error, message, request_id, retry_after_ms }) =>
    isText(error) &&
    isText(message) &&
    isTextOrNull(request_id) &&
    isNumberOrMissing(retry_after_ms),
  recipe_update: ({ request_id, content, session, history }) =>
    isTextOrNull(request_id) &&
    isText(content) &&
    (session === undefined || isSession(session)) &&
    (history === undefined || (Array.isArray(history) && history.every(isObject))),
};

/** Whether this client knows what to do with a message of this type. */
export function isKnown(message: ServerMessage | UnknownMessage): message is ServerMessage {
  return Object.hasOwn(CHECKS, message.type);
}

/** The message that a frame holds, of a known type or not; null: it is none of this protocol. */
export function parseServerMessage(frame: unknown): ServerMessage | UnknownMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(frame as string);
  } catch {
    return null;
  }
  if (!isObject(message)) return null;
  const { type, id, timestamp, payload } = message;
  if (![type, id, timestamp].every(isText) || !isObject(payload)) return null;
  const whole = message as unknown as UnknownMessage;
  return isKnown(whole) && !CHECKS[whole.type](payload) ? null : whole;
}
