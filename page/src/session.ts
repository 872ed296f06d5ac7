// Who is signed in, in all tabs of this origin.

import { askBeforeLeaving, draftStore, sessionOutbox } from '@vestibule/client/storage';
import {
  refreshTokenStore,
  tokenKeeper,
  type Tokens,
  type TokenStore,
} from '@vestibule/client/tokens';

import { keepCopiesOf } from './copies';
import { Store } from './store';

export interface User {
  readonly id: string;
  readonly email: string;
}

export interface Session {
  /** null: nobody is signed in. */
  readonly user: User | null;
  /** Why nobody is, where the user did not ask for it in this tab. */
  readonly ended: 'signed_out' | 'expired' | 'revoked' | 'refused' | 'elsewhere' | null;
}

const TOKENS_KEY = 'vestibule.tokens';
const USER_KEY = 'vestibule.user';
const NOBODY: User = { id: '', email: '' };

/** Who that is, for people; what somebody may do is for the server to say. */
function loadUser(): User | null {
  try {
    const { id, email } = JSON.parse(localStorage.getItem(USER_KEY) ?? 'null') as User;
    return typeof id === 'string' && typeof email === 'string' ? { id, email } : null;
  } catch {
    return null;
  }
}

function saveUser(user: User | null): void {
  try {
    if (user === null) localStorage.removeItem(USER_KEY);
    else localStorage.setItem(USER_KEY, JSON.stringify(user));
  } catch {
    // No storage here: then the session lasts as long as the page.
  }
}

const stored = refreshTokenStore(TOKENS_KEY);

export const session = new Store<Session>({
  user: stored.load() === null ? null : (loadUser() ?? NOBODY),
  ended: null,
});

keepCopiesOf(session.value.user?.id ?? null);

/** The package's store, which tells the page when a refresh was refused. */
const store: TokenStore = {
  load: () => stored.load(),
  save(tokens) {
    stored.save(tokens);
    if (tokens === null && session.value.user !== null) end('signed_out');
  },
};

/** Tokens for the chat and for HTTP. */
export const tokens = tokenKeeper({
  url: location.origin,
  store,
  // Less than the chat waits for a token: so it learns that the server does not answer.
  timeoutMs: 8_000,
});

/** What users of this tab have said and nobody has answered; and what they have begun to write. */
export const outbox = sessionOutbox();
export const drafts = draftStore('vestibule.drafts');

// It would be sent when the tab comes back, and a tab that is closed does not.
askBeforeLeaving(() => outbox.size > 0);

/** After signing in or up. */
export function begin(pair: Tokens, user: User): void {
  // The user comes first: another tab is to know whose tokens these are when it sees them.
  saveUser(user);
  tokens.save(pair);
  keepCopiesOf(user.id);
  session.set({ user, ended: null });
}

export function end(ended: Session['ended']): void {
  session.set({ user: null, ended });
  tokens.clear();
  saveUser(null);
  keepCopiesOf(null);
  if (ended !== null && ended !== 'elsewhere') return;
  // Signed out by the user: nothing of theirs stays here.
  outbox.clear();
  drafts.clear();
}

/**
 * Asks for the password, and keeps the tokens: the refresh token may be good, whatever was said of
 * an access token. Signing in replaces them.
 */
export function askToSignIn(ended: Session['ended']): void {
  session.set({ user: null, ended });
  keepCopiesOf(null);
}

/** For signing out: what the server is to forget. */
export function refreshToken(): string | null {
  return stored.load()?.refresh_token ?? null;
}

// Another tab signed in or out.
addEventListener('storage', ({ key }) => {
  if (key !== null && key !== TOKENS_KEY && key !== USER_KEY) return;
  const me = session.value.user;
  const user = stored.load() === null ? null : loadUser();
  if (me !== null && user !== null && me.id !== user.id) location.reload();
  else if (me !== null && stored.load() === null) end('elsewhere');
  else if (me === null && user !== null) {
    keepCopiesOf(user.id);
    session.set({ user, ended: null });
  }
});
