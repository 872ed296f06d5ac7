const token = prompt('Token'); // In production: from your own sign-in.
const socket = new WebSocket('ws://127.0.0.1:8080/v1/chat/soup', 'recipe-chat.v2');

function send(type, payload) {
  const timestamp = new Date().toISOString();
  socket.send(JSON.stringify({ type, id: crypto.randomUUID(), timestamp, payload }));
}

socket.onopen = () => {
  send('auth', { token });
  send('chat_message', { content: 'Hello' });
};
socket.onmessage = ({ data }) => {
  const { type, payload } = JSON.parse(data);
  if (type === 'auth_required') send('auth', { token }); // In production: a new token.
  else console.log(type, payload.content ?? payload.message);
};
socket.onclose = ({ code, reason }) => console.log('closed', code, reason);
