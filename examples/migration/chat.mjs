// Sends one message: TOKEN=… TOKEN_IN=header|query|message node chat.mjs [RECIPE] [URL]
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';

// The flag. It is set from outside, so undoing the switch needs no release.
const { TOKEN_IN = 'header' } = process.env;
const [recipe = 'soup', server = 'ws://127.0.0.1:8080'] = process.argv.slice(2);

const freshToken = () => process.env.TOKEN; // In production: from your issuer, each time.

/** What old clients send: the server generates its id and time. */
const bare = (type, payload) => ({ type, payload });

/** What new clients send, also in answer to `auth_required`. */
function whole(type, payload) {
  return { type, id: randomUUID(), timestamp: new Date().toISOString(), payload };
}

/** The old ways have the token in the request. */
function open(url) {
  if (TOKEN_IN === 'query') return new WebSocket(`${url}?token=${freshToken()}`);
  const headers = TOKEN_IN === 'header' ? { Authorization: `Bearer ${freshToken()}` } : {};
  return new WebSocket(url, { headers });
}

const socket = open(`${server}/v1/chat/${recipe}`);
const say = (what) => socket.send(JSON.stringify(what));
const auth = () => say(whole('auth', { token: freshToken() }));
const isNew = TOKEN_IN === 'message';
const hello = (isNew ? whole : bare)('chat_message', { content: 'Hello' });

socket.on('open', () => {
  if (isNew) auth(); // The new way.
  else say({ type: 'heartbeat' }); // The old ways: one of many, which are not answered.
  say(hello);
});

socket.on('message', (text) => {
  const { type, payload } = JSON.parse(text);
  if (type === 'auth_required') auth(); // Both ways: 14 minutes later.
  if (type === 'error') end(`error: ${payload.error}`); // The message was refused.
  if (type !== 'recipe_update') return;
  const { request_id: answered, session } = payload;
  if (session) console.log('joined as', session.user_id);
  else if (answered && answered === (hello.id ?? answered)) {
    console.log('answered:', payload.content);
    socket.close(1000);
  }
});

function end(why) {
  console.error(why);
  process.exit(1);
}

socket.on('unexpected-response', (_, response) => end(`refused: ${response.statusCode}`));
socket.on('close', (code, reason) => code === 1000 || end(`closed: ${code} ${reason}`));
