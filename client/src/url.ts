// Where a recipe's chat is.

const RECIPE_ID = /^(?!\.{1,2}$)[\w.~-]{1,128}$/;

/** Nothing but scheme, host and path: what is secret does not belong into a URL. */
export function chatUrl(server: string | URL, recipeId: string): string {
  if (!RECIPE_ID.test(recipeId)) throw new TypeError('This is no recipe id');
  const { protocol, host, pathname } = new URL(server);
  const scheme = protocol.replace(/^http/, 'ws');
  if (scheme !== 'ws:' && scheme !== 'wss:') throw new TypeError('The URL is not ws: or wss:');
  return `${scheme}//${host}${pathname.replace(/\/+$/, '')}/v1/chat/${recipeId}`;
}
