// Which screen belongs to the address, and going from one to another.

import type { AnchorHTMLAttributes, MouseEvent, ReactElement } from 'react';

import { Store, useStore } from './store';

export type Route =
  | { readonly name: 'list' | 'new' | 'account' | 'missing' }
  | { readonly name: 'recipe'; readonly id: string };

const path = new Store(location.pathname);
addEventListener('popstate', () => path.set(location.pathname));

export function usePath(): string {
  return useStore(path);
}

/** What the server answers with the page is what is known here: `src/recipes/page.rs`. */
export function routeOf(pathname: string): Route {
  if (pathname === '/') return { name: 'list' };
  if (pathname === '/new') return { name: 'new' };
  if (pathname === '/account') return { name: 'account' };
  const id = /^\/recipes\/([\w.~-]{1,128})$/.exec(pathname)?.[1];
  return id === undefined ? { name: 'missing' } : { name: 'recipe', id };
}

export function go(to: string): void {
  if (to === location.pathname) return;
  history.pushState(null, '', to);
  path.set(to);
  scrollTo(0, 0);
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
