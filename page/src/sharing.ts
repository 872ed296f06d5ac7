// Who else may see a recipe, and what they may do.

import { authorized } from './api';
import type { Role } from './model';

/** A member, or an invitation that nobody has used. */
export interface Member {
  readonly id: string;
  readonly role: GuestRole;
  /** null: of a link that nobody has used, or of a user without an account here. */
  readonly email: string | null;
  /** Who has used the link. */
  readonly user_id: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export type GuestRole = Exclude<Role, 'owner'>;
export const GUEST_ROLES = { reader: 'Read and chat', editor: 'Change it too' } as const;

interface NewMember {
  readonly role: GuestRole;
  /** Without it, a link is made. */
  readonly email?: string;
  readonly valid_seconds?: number;
}

const pathOf = (recipe: string) => `/v1/recipes/${recipe}/members`;

export const listMembers = async (recipe: string) =>
  (await authorized<{ members: readonly Member[] }>('GET', pathOf(recipe))).members;

/** The code of a link, where one was made. */
export const invite = async (recipe: string, member: NewMember) =>
  (await authorized<{ code?: string }>('POST', pathOf(recipe), member)).code;

export const setRole = (recipe: string, member: string, role: GuestRole) =>
  authorized<Member>('PATCH', `${pathOf(recipe)}/${member}`, { role });

export const removeMember = (recipe: string, member: string) =>
  authorized<void>('DELETE', `${pathOf(recipe)}/${member}`);

/** Ends although the page may be left meanwhile. */
export const leaveRecipe = (recipe: string) =>
  authorized<void>('DELETE', `${pathOf(recipe)}/me`, undefined, { keepalive: true });

export const join = (code: string) =>
  authorized<{ recipe_id: string }>('POST', '/v1/recipes/join', { code });

/** Behind the `#`: no server's log has it. */
export const linkOf = (code: string) => `${location.origin}/join#${code}`;
