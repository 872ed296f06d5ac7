// What the browser knows.

import { useEffect, useRef, useSyncExternalStore, type RefObject } from 'react';

const narrow = matchMedia('(max-width: 55.99em)');
const onNarrow = (changed: () => void) => {
  narrow.addEventListener('change', changed);
  return () => narrow.removeEventListener('change', changed);
};

/** Too narrow for the recipe beside the chat; as in style.css. */
export function useIsNarrow(): boolean {
  return useSyncExternalStore(onNarrow, () => narrow.matches);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Vestibule' : `${title} · Vestibule`;
  }, [title]);
}

let hasStarted = false;

/** For the frame: what comes after its first effect is a change of screens. */
export function useStart(): void {
  useEffect(() => {
    hasStarted = true;
  }, []);
}

/** Whether a screen that comes now replaces another. */
export const isChange = () => hasStarted;

/**
 * For the heading of a screen: it has the focus when the screen was changed, so that a screen
 * reader begins there, and the next Tab is in it. The page's own start is the browser's.
 * `isArrival`: for a screen that comes in two parts.
 */
export function useArrival(isArrival?: boolean): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isArrival ?? hasStarted) heading.current?.focus({ preventScroll: true });
  }, []);
  return heading;
}
