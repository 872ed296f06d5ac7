// What the server has listed, a page at a time.

import { useCallback, useEffect, useRef, useState } from 'react';

import { Refused } from './api';
import { findCopy, forgetCopiesBut, keepCopy, LIST } from './copies';
import type { Summary } from './model';
import { listRecipes, type Wanted } from './recipes';

const TYPING_MS = 200;

interface Listed {
  readonly recipes: readonly Summary[];
  readonly next: string | null;
  /** Nothing was looked for. */
  readonly isAll: boolean;
  /** When it was read, if it is a copy. */
  readonly copiedAt: string | null;
}

/** Changes one recipe of the list; `copy` is put behind it. */
export type Change = (recipe: Summary, copy?: Summary) => void;

export function useListed(wanted: Wanted) {
  const [listed, setListed] = useState<Listed | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [isLoading, setIsLoading] = useState(true);
  const isFirst = useRef(true);
  // Which question was asked last: an answer to an earlier one comes too late.
  const asked = useRef(0);
  const { q, sort } = wanted;

  const load = useCallback(
    async (before: string | null) => {
      const number = ++asked.current;
      setIsLoading(true);
      try {
        const page = await listRecipes({ q: q.trim(), sort }, before);
        if (number !== asked.current) return;
        const { recipes, next = null } = page;
        setListed((known) => ({
          recipes: before === null ? recipes : added(known?.recipes ?? [], recipes),
          next,
          isAll: q.trim() === '',
          copiedAt: null,
        }));
        setFault(null);
      } catch (refusal) {
        if (number !== asked.current) return;
        // The recipe at which the page ended is gone: from the beginning, then.
        if (refusal instanceof Refused && refusal.field === 'before') return load(null);
        const why = refusal instanceof Refused ? refusal.message : String(refusal);
        const isAway = refusal instanceof Refused && refusal.code === 'unreachable';
        const copy = isAway && q.trim() === '' ? await findCopy<Listed['recipes']>(LIST) : null;
        if (number !== asked.current) return;
        if (copy !== null) {
          const listed = { recipes: copy.value, next: null, isAll: true, copiedAt: copy.at };
          // What was read since is newer.
          setListed((known) => known ?? listed);
        }
        setFault(why);
      }
      setIsLoading(false);
    },
    [q, sort],
  );

  useEffect(() => {
    const again = () => void load(null);
    // At once at the start; then when the user has stopped typing.
    const timer = isFirst.current ? undefined : setTimeout(again, TYPING_MS);
    if (isFirst.current) again();
    isFirst.current = false;
    addEventListener('online', again);
    return () => {
      clearTimeout(timer);
      removeEventListener('online', again);
    };
  }, [load]);

  useEffect(() => {
    if (listed?.isAll === true && listed.copiedAt === null) void keep(listed);
  }, [listed]);

  const change: Change = useCallback((recipe, copy) => {
    setListed((known) => {
      const with_ = (one: Summary) => (copy === undefined ? [recipe] : [one, copy]);
      const recipes = known?.recipes.flatMap((one) => (one.id === recipe.id ? with_(one) : [one]));
      return known && { ...known, recipes: recipes ?? [] };
    });
  }, []);

  return { listed, fault, isLoading, load, change };
}

/** For when the server cannot be reached. Of recipes that are not in the whole list, nothing stays. */
async function keep({ recipes, next }: Listed): Promise<void> {
  await keepCopy(LIST, recipes);
  if (next === null) await forgetCopiesBut(new Set(recipes.map(({ id }) => id)));
}

/** What moved within the order between two pages comes twice. */
function added(known: readonly Summary[], more: readonly Summary[]): readonly Summary[] {
  const ids = new Set(known.map(({ id }) => id));
  return [...known, ...more.filter(({ id }) => !ids.has(id))];
}
