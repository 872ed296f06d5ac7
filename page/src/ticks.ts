// Which ingredients are ticked off: nobody's business but this tab's, where a reload keeps them.

import { useState } from 'react';

import type { Ingredient } from './model';

const PREFIX = 'vestibule.ticks.';

function load(recipe: string): ReadonlySet<string> {
  try {
    const ticked: unknown = JSON.parse(sessionStorage.getItem(PREFIX + recipe) ?? '[]');
    return new Set(Array.isArray(ticked) ? ticked.map(String) : []);
  } catch {
    return new Set();
  }
}

function save(recipe: string, ticked: ReadonlySet<string>): void {
  try {
    if (ticked.size === 0) sessionStorage.removeItem(PREFIX + recipe);
    else sessionStorage.setItem(PREFIX + recipe, JSON.stringify([...ticked]));
  } catch {
    // No storage here: then they last as long as the page.
  }
}

/** For signing out. */
export function forgetTicks(): void {
  try {
    const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
    for (const key of keys) sessionStorage.removeItem(key);
  } catch {
    // Likewise.
  }
}

/** The line as it was written: scaling changes its amounts, and it stays the same line. */
export const nameOf = ({ text, base }: Ingredient) => base?.text ?? text;

/** The names of lines that are ticked, and a function that ticks one, or not. */
export function useTicks(recipe: string) {
  const [ticked, setTicked] = useState(() => load(recipe));
  const tick = (name: string, isTicked: boolean) => {
    const changed = new Set(ticked);
    if (isTicked) changed.add(name);
    else changed.delete(name);
    setTicked(changed);
    save(recipe, changed);
  };
  return [ticked, tick] as const;
}
