// Sends one message, as a page would: TOKEN=… TOKEN_IN=query|message node page.mjs [RECIPE] [URL]
import { ChatConnection } from '@vestibule/client';

/** The old way. A page cannot set headers, and does not see why an upgrade was refused. */
function oldChat({ url, recipeId, getToken, onJoined, onEnd }) {
  const socket = new WebSocket(`${url}/v1/chat/${recipeId}?token=${getToken()}`);
  const say = (what) => socket.send(JSON.stringify(what));
  const authenticate = () => {
    const id = crypto.randomUUID();
    const timestamp = new Date().toISOString();
    say({ type: 'auth', id, timestamp, payload: { token: getToken() } });
  };
  const asked = [];
  socket.onmessage = ({ data }) => {
    const { type, payload } = JSON.parse(data);
    if (type === 'auth_required') authenticate();
    if (type === 'error') onEnd(`error: ${payload.error}`); // The message was refused.
    if (type !== 'recipe_update') return;
    if (payload.session) onJoined(payload.session.user_id);
    else if (payload.request_id) asked.shift()?.({ payload }); // The answers keep the order.
  };
  socket.onclose = ({ code, reason }) => onEnd(`closed: ${code} ${reason}`);
  const opened = new Promise((resolve) => (socket.onopen = resolve));
  opened.then(() => say({ type: 'heartbeat' })); // One of many, which are not answered.
  return {
    async send(content) {
      await opened;
      say({ type: 'chat_message', payload: { content } }); // The server generates its id and time.
      return new Promise((answer) => asked.push(answer));
    },
  };
}

/** The new way: it authenticates, renews, reconnects and sends again by itself. */
function newChat({ url, recipeId, getToken, onJoined, onEnd }) {
  const chat = new ChatConnection({ url, recipeId, getToken });
  chat.on('message', ({ payload }) => payload.session && onJoined(payload.session.user_id));
  chat.on('state', ({ state, close }) => {
    if (state === 'closed' || state === 'reconnecting') onEnd(`closed: ${close?.code} ${close?.reason}`);
  });
  chat.connect();
  return chat;
}

// The flag. In a page it is fetched, or written into it by your server.
const { TOKEN, TOKEN_IN = 'query' } = process.env;
const [recipeId = 'soup', url = 'ws://127.0.0.1:8080'] = process.argv.slice(2);
const openChat = TOKEN_IN === 'message' ? newChat : oldChat;

const end = (why, code = 1) => {
  console.log(why);
  process.exit(code);
};
const chat = openChat({
  url,
  recipeId,
  getToken: () => TOKEN, // In production: from your issuer, each time.
  onJoined: (user) => console.log('joined as', user),
  onEnd: end,
});
const answer = await chat.send('Hello').catch(({ code }) => end(`error: ${code}`));
end(`answered: ${answer.payload.content}`, 0);
