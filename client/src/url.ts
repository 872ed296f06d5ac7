// Where a recipe's chat is.

const RECIPE_ID = /^(?!\.{1,2}$)[\w.~-]{1,128}$/;

/** A relative one is the page's. Where there is no page, it is rendered, and connects nowhere. */
export const absoluteUrl = (server: string | URL): URL =>
  new URL(server, globalThis.location?.href ?? 'http://relative.invalid');

/** Nothing but scheme, host and path: what is secret does not belong into a URL. */
export function chatUrl(server: string | URL, recipeId: string): string {
  if (!RECIPE_ID.test(recipeId)) throw new TypeError('This is no recipe id');
  const { protocol, host, pathname } = absoluteUrl(server);
  const scheme = protocol.replace(/^http/, 'ws');
  if (scheme !== 'ws:' && scheme !== 'wss:') throw new TypeError('The URL is not ws: or wss:');
  const base = pathname.replace(/\/+$/, '');
  const path = `/v1/chat/${recipeId}`;
  return `${scheme}//${host}${base.endsWith(path) ? base : base + path}`;
}
