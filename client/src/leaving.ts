// Asks before a page is left.

import type { Off } from './emitter.js';

/** While `isNeeded` says so, the browser asks before the user closes, reloads or leaves a page. */
export function askBeforeLeaving(isNeeded: () => boolean): Off {
  const ask = (event: BeforeUnloadEvent) => {
    if (isNeeded()) event.preventDefault();
  };
  globalThis.addEventListener?.('beforeunload', ask);
  return () => globalThis.removeEventListener?.('beforeunload', ask);
}
