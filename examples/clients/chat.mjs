// A recipe's chat in a terminal: TOKEN=… node chat.mjs [RECIPE] [URL]
import { createInterface } from 'node:readline';
import { ChatConnection } from '@vestibule/client';
import { statusText } from '@vestibule/client/texts';

const [recipeId = 'soup', url = 'ws://127.0.0.1:8080'] = process.argv.slice(2);
const chat = new ChatConnection({ url, recipeId, getToken: () => process.env.TOKEN ?? null });

const lines = createInterface({ input: process.stdin });

chat.on('state', (status) => {
  console.log(`[${statusText(status)}]`);
  if (status.state === 'closed') lines.close();
});
chat.on('message', ({ type, payload }) => {
  console.log(type === 'chat_message' ? `${payload.user_id}: ${payload.content}` : payload.content);
});
chat.on('error', (error) => console.log(`Refused: ${error.message}`));
chat.connect();

const replies = [];
for await (const line of lines) replies.push(chat.send(line));
await Promise.allSettled(replies);
chat.close();
