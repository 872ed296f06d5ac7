// Which screen belongs to a path. For the page, and for its service worker.

export type Route =
  | { readonly name: 'list' | 'new' | 'account' | 'join' | 'missing' }
  | { readonly name: 'recipe'; readonly id: string };

/** What the server answers with the page is what is known here: `src/recipes/page.rs`. */
export function routeOf(pathname: string): Route {
  if (pathname === '/') return { name: 'list' };
  if (pathname === '/new') return { name: 'new' };
  if (pathname === '/account') return { name: 'account' };
  if (pathname === '/join') return { name: 'join' };
  const id = /^\/recipes\/([\w.~-]{1,128})$/.exec(pathname)?.[1];
  return id === undefined ? { name: 'missing' } : { name: 'recipe', id };
}
