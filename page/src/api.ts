// The server's HTTP: accounts and recipes.

import type { Tokens } from '@vestibule/client/tokens';

import type { Recipe } from './model';
import { go } from './router';
import { askToSignIn, begin, end, refreshToken, tokens, type User } from './session';
import { forgetTicks } from './ticks';

/** What was refused, with a text for people. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** The field that is wrong, where it is about one. */
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

const PATIENCE_MS = 20_000;

interface More {
  /** The revision that the change is of. */
  readonly ifMatch?: string;
  /** It goes on when the page is left. */
  readonly keepalive?: boolean;
  readonly patienceMs?: number;
}

async function send(
  method: string,
  path: string,
  body: unknown,
  token: string | null,
  { ifMatch, keepalive = false, patienceMs = PATIENCE_MS }: More = {},
) {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  const init: RequestInit = { method, headers, cache: 'no-store', keepalive };
  if (body !== undefined) init.body = JSON.stringify(body);
  try {
    return await fetch(path, { ...init, signal: AbortSignal.timeout(patienceMs) });
  } catch {
    throw unreachable();
  }
}

function unreachable(): Refused {
  return new Refused('unreachable', 'The server cannot be reached. Check your connection.');
}

/** A refresh brought no token: the network may be fine, and the server or a proxy say "later". */
function tokenless(fault: unknown): Refused {
  if ((fault as { isUnreachable?: unknown }).isUnreachable === true) return unreachable();
  const text = 'Your session could not be refreshed. Please try again in a moment.';
  return new Refused('unreachable', text);
}

/** The answer, or what is wrong in words for people. */
async function read<T>(answer: Response): Promise<T> {
  if (answer.status === 204) return undefined as T;
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body as T;
  const { error = 'internal', message = '' } = (body ?? {}) as Record<string, string>;
  const retryS = Number(answer.headers.get('retry-after')) || 60;
  const wait = retryS > 90 ? `${Math.ceil(retryS / 60)} minutes` : `${retryS} seconds`;
  switch (error) {
    case 'invalid_field': {
      const [, field = null, problem = message] = /^`([^`]+)` (.*)$/s.exec(message) ?? [];
      throw new Refused(error, `${problem[0]?.toUpperCase() ?? ''}${problem.slice(1)}.`, field);
    }
    case 'invalid_credentials':
      throw new Refused(error, 'The email or the password is wrong.', 'password');
    case 'email_exists':
      throw new Refused(error, 'There is an account with this email already.', 'email');
    case 'invitation_required':
      throw new Refused(error, 'Enter the invitation that you were given.', 'invitation');
    case 'invalid_invitation':
      throw new Refused(error, 'The invitation is not valid. Ask for a new one.', 'invitation');
    case 'signup_closed':
      throw new Refused(error, 'Nobody can create an account here.');
    case 'revision_mismatch':
      throw new Refused(error, 'It was changed meanwhile. Look at it, then try again.');
    case 'too_many_recipes':
      throw new Refused(error, 'You have as many recipes as you may. Delete one first.');
    case 'too_many_attempts':
    case 'too_many_requests':
      throw new Refused(error, `Too many attempts. Please wait ${wait}, then try again.`);
    case 'at_capacity':
      throw new Refused(error, 'The server is busy. Please try again in a moment.');
    default:
      throw new Refused(error, message || 'The server had a fault. Please try again.');
  }
}

const authorized = async <T>(method: string, path: string, body?: unknown, more?: More) =>
  read<T>(await ask(method, path, body, more));

/** With the access token, and with a newer one if that one has had its day. */
async function ask(method: string, path: string, body?: unknown, more?: More): Promise<Response> {
  let token = tokens.getToken();
  for (const isLast of [false, true]) {
    try {
      token ??= await tokens.refreshToken(null);
    } catch (fault) {
      throw tokenless(fault);
    }
    if (token === null) throw new Refused('signed_out', 'Please sign in again.');
    const answer = await send(method, path, body, token, more);
    if (answer.status !== 401) return answer;
    if (isLast) break;
    token = await tokens.refreshToken(token).catch((fault: unknown) => {
      throw tokenless(fault);
    });
  }
  askToSignIn('refused');
  throw new Refused('signed_out', 'Please sign in again.');
}

export async function enter(
  call: 'signup' | 'signin',
  email: string,
  password: string,
  invitation: string | null,
) {
  const body = { email, password, ...(invitation !== null && { invitation }) };
  const answer = await send('POST', `/v1/auth/${call}`, body, null);
  const { user, ...pair } = await read<Tokens & { user: User }>(answer);
  begin(pair, { id: user.id, email: user.email });
}

/** At once here; the server is told, and if it cannot be, the token runs out by itself. */
export function leave(): void {
  const token = refreshToken();
  end(null);
  forgetTicks();
  // Who signs in next begins at the beginning.
  go('/');
  const body = { refresh_token: token };
  if (token !== null) send('POST', '/v1/auth/logout', body, null).catch(() => {});
}

export const createRecipe = (title: string) => authorized<Recipe>('POST', '/v1/recipes', { title });

/** For `recipes.ts` and `account.ts`: what they ask, and the headers of an answer. */
export { ask, authorized, read };
