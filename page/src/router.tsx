// The address, and going from one screen to another.

import type { AnchorHTMLAttributes, MouseEvent, ReactElement } from 'react';

import { Store, useStore } from './store';

const path = new Store(location.pathname);
addEventListener('popstate', () => path.set(location.pathname));

export function usePath(): string {
  return useStore(path);
}

export function go(to: string): void {
  if (to === location.pathname) return;
  history.pushState(null, '', to);
  path.set(to);
  scrollTo(0, 0);
}

/** Without a way back to where one was. */
export function replace(to: string): void {
  history.replaceState(null, '', to);
  path.set(to);
}

/** A link within the page; with a modifier key it is the browser's, as any link. */
export function Link(props: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const onClick = (event: MouseEvent): void => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!isPlain || event.altKey) return;
    event.preventDefault();
    go(props.href);
  };
  return (<a {...props} onClick={onClick} />) as ReactElement;
}
