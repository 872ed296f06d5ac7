// What one can do with one's own account.

import { authorized } from './api';
import { saveFile } from './files';
import { exportAll } from './recipes';
import { end } from './session';
import { forgetTicks } from './ticks';

export interface SessionEntry {
  readonly id: string;
  readonly created_at: string | null;
  readonly last_used_at: string | null;
  /** This browser's. */
  readonly is_current: boolean;
}

export const changePassword = (password: string, new_password: string) =>
  authorized<void>('POST', '/v1/auth/password', { password, new_password });

export const listSessions = async () =>
  (await authorized<{ sessions: readonly SessionEntry[] }>('GET', '/v1/auth/sessions')).sessions;

export const endSession = (id: string) => authorized<void>('DELETE', `/v1/auth/sessions/${id}`);

/** This one, too. */
export async function endAllSessions(): Promise<void> {
  await authorized<void>('DELETE', '/v1/auth/sessions');
  forget();
}

export async function deleteAccount(password: string): Promise<void> {
  await authorized<void>('DELETE', '/v1/auth/me', { password });
  forget();
}

function forget(): void {
  end(null);
  forgetTicks();
}

interface Exported {
  readonly user: unknown;
  readonly sessions: unknown;
}

/** The account, its sessions and whole recipes, in one file. */
export async function saveAll(): Promise<void> {
  const { user, sessions } = await authorized<Exported>('GET', '/v1/auth/me/export?limit=1');
  const recipes = await exportAll();
  const text = JSON.stringify({ user, sessions, recipes }, null, 2);
  saveFile(new Blob([text], { type: 'application/json' }), 'vestibule.json');
}
