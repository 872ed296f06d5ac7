// What the list does with recipes.

import type { HistoryEntry } from '@vestibule/client';

import { ask, authorized, read } from './api';
import { saveFile } from './files';
import type { Page, Recipe, Summary } from './model';

export const SORTS = {
  '-created': 'Newest first',
  '-updated': 'Last changed first',
  title: 'By title',
  created: 'Oldest first',
} as const;
export type Sort = keyof typeof SORTS;
export const isSort = (text: string | null): text is Sort =>
  text !== null && Object.hasOwn(SORTS, text);

export interface Wanted {
  readonly q: string;
  readonly sort: Sort;
}

/** A page with something in it, if there is any: a search may come by pages without a hit. */
export async function listRecipes({ q, sort }: Wanted, before: string | null): Promise<Page> {
  for (let from = before; ; ) {
    const query = new URLSearchParams({ limit: '50', sort });
    if (q !== '') query.set('q', q);
    if (from !== null) query.set('before', from);
    const page = await authorized<Page>('GET', `/v1/recipes?${query}`);
    if (page.recipes.length > 0 || page.next === undefined) return page;
    from = page.next;
  }
}

/** The recipe as it is now, and its revision. */
export async function readRecipe(id: string, patienceMs?: number): Promise<[Recipe, string]> {
  const more = patienceMs === undefined ? {} : { patienceMs };
  const answer = await ask('GET', `/v1/recipes/${id}`, undefined, more);
  return [await read<Recipe>(answer), answer.headers.get('etag') ?? '*'];
}

export const importRecipe = (text: string) =>
  authorized<Recipe>('POST', '/v1/recipes/import', { text });

/** Lines are given by their texts. */
export interface RecipePatch {
  readonly title?: string;
  readonly ingredients?: readonly string[];
  readonly steps?: readonly string[];
}

export const patchRecipe = (id: string, patch: RecipePatch, ifMatch: string) =>
  authorized<Recipe>('PATCH', `/v1/recipes/${id}`, patch, { ifMatch });

export const duplicateRecipe = ({ id, title }: Summary) =>
  authorized<Recipe>('POST', `/v1/recipes/${id}/duplicate`, {
    title: `Copy of ${title}`.slice(0, 200),
  });

/** Ends although the page may be left meanwhile. */
export const deleteRecipe = (id: string) =>
  authorized<void>('DELETE', `/v1/recipes/${id}`, undefined, { keepalive: true });

export const FORMATS = {
  markdown: ['Markdown', 'md'],
  json: ['JSON', 'json'],
  'schema.org': ['JSON-LD', 'jsonld'],
} as const;
export type Format = keyof typeof FORMATS;

export async function exportRecipe({ id, title }: Summary, format: Format): Promise<void> {
  const answer = await ask('GET', `/v1/recipes/${id}/export?format=${format}`);
  if (!answer.ok) return read<void>(answer);
  saveFile(await answer.blob(), `${title}.${FORMATS[format][1]}`);
}

/** Whole recipes, all of the user's and those that others share. */
export async function exportAll(): Promise<readonly Recipe[]> {
  const recipes: Recipe[] = [];
  for (let before: string | undefined; ; ) {
    const more = before === undefined ? '' : `&before=${before}`;
    const answer = await ask('GET', `/v1/recipes/export?format=json${more}`);
    const page = await read<{ recipes: Recipe[]; next?: string }>(answer);
    recipes.push(...page.recipes);
    if (page.next === undefined) return recipes;
    before = page.next;
  }
}

interface Messages {
  /** The oldest is the first. */
  readonly messages: readonly HistoryEntry[];
  readonly next?: string;
}

export const readMessages = (id: string, before: string | undefined) =>
  authorized<Messages>(
    'GET',
    `/v1/recipes/${id}/messages?limit=50${before === undefined ? '' : `&before=${before}`}`,
  );
