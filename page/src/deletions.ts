// Recipes that are about to be deleted, or left by a guest: each can be undone for some seconds.

import { Refused } from './api';
import { forgetCopy } from './copies';
import type { Summary } from './model';
import { deleteRecipe } from './recipes';
import { session } from './session';
import { leaveRecipe } from './sharing';
import { Store } from './store';

const UNDO_MS = 8_000;

interface Deletions {
  /** The newest is the last. */
  readonly waiting: readonly Summary[];
  /** Not to be shown: those that wait, and those that the server has been told of. */
  readonly hidden: ReadonlySet<string>;
  /** What could not be deleted, and why. */
  readonly fault: string | null;
}

/** Those that the server was told of, without an answer yet. */
const TOLD_KEY = 'vestibule.deletions';
type Told = readonly [id: string, isOwn: boolean];

function loadTold(): readonly Told[] {
  try {
    return JSON.parse(localStorage.getItem(TOLD_KEY) ?? '[]') as Told[];
  } catch {
    return [];
  }
}

function saveTold(id: string, told: Told | null): void {
  const all = loadTold().filter(([other]) => other !== id);
  if (told !== null) all.push(told);
  try {
    if (all.length === 0) localStorage.removeItem(TOLD_KEY);
    else localStorage.setItem(TOLD_KEY, JSON.stringify(all));
  } catch {
    // Without storage a deletion can be lost when the page is left.
  }
}

const told = session.value.user === null ? [] : loadTold();
const hidden: ReadonlySet<string> = new Set(told.map(([id]) => id));
export const deletions = new Store<Deletions>({ waiting: [], hidden, fault: null });
const timers = new Map<string, number>();

export const isOwnRecipe = ({ owner }: Summary) => owner === undefined;

export function deleteLater(recipe: Summary): void {
  const { waiting, hidden } = deletions.value;
  const all = new Set(hidden).add(recipe.id);
  deletions.set({ waiting: [...waiting, recipe], hidden: all, fault: null });
  timers.set(
    recipe.id,
    window.setTimeout(() => void carryOut(recipe), UNDO_MS),
  );
}

export function undoDeletion({ id }: Summary): void {
  if (!forgetTimer(id)) return;
  show(id, null);
}

/** All at once: the user goes, and can undo nothing any more. */
export const deleteNow = () => Promise.all(deletions.value.waiting.map(carryOut));

async function carryOut(recipe: Summary): Promise<void> {
  if (!forgetTimer(recipe.id)) return;
  const { value } = deletions;
  deletions.set({ ...value, waiting: value.waiting.filter(({ id }) => id !== recipe.id) });
  try {
    await tell(recipe.id, isOwnRecipe(recipe));
    void forgetCopy(recipe.id);
  } catch (fault) {
    if (!isLeft) saveTold(recipe.id, null);
    // It may be gone already: another tab did that.
    if (fault instanceof Refused && fault.code === 'not_found') return;
    const why = fault instanceof Refused ? fault.message : String(fault);
    const what = isOwnRecipe(recipe) ? 'deleted' : 'left';
    show(recipe.id, `“${recipe.title}” was not ${what}. ${why}`);
  }
}

/** Browsers may drop what a page sends when it is left: then the next page sends it again. */
async function tell(id: string, isOwn: boolean): Promise<void> {
  saveTold(id, [id, isOwn]);
  await (isOwn ? deleteRecipe(id) : leaveRecipe(id));
  saveTold(id, null);
}

let isLeft = false;

function show(id: string, fault: string | null): void {
  const { waiting, hidden } = deletions.value;
  const rest = new Set(hidden);
  rest.delete(id);
  deletions.set({ waiting: waiting.filter((one) => one.id !== id), hidden: rest, fault });
}

function forgetTimer(id: string): boolean {
  clearTimeout(timers.get(id));
  return timers.delete(id);
}

addEventListener('pagehide', () => {
  isLeft = true;
  void deleteNow();
});
addEventListener('pageshow', () => (isLeft = false));

for (const [id, isOwn] of told) {
  void tell(id, isOwn).then(
    () => forgetCopy(id),
    (fault: unknown) => {
      const { code } = fault as Refused;
      // It is gone, or no longer the user's to delete.
      if (code !== 'unreachable' && code !== 'signed_out') saveTold(id, null);
    },
  );
}
