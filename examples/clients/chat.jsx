// A recipe's chat in a page: npm install && npm start, then open http://127.0.0.1:8000
import { createRoot } from 'react-dom/client';
import { ConnectionStatus, useRecipeChat } from '@vestibule/client/react';

const url = window.VESTIBULE_URL ?? 'ws://127.0.0.1:8080';
const token = window.prompt('Token (vestibule token --sub alice)');

function Chat({ recipeId }) {
  const chat = useRecipeChat(recipeId, { url, getToken: () => token });

  function submit(event) {
    event.preventDefault();
    chat.send(new FormData(event.currentTarget).get('content'));
    event.currentTarget.reset();
  }

  return (
    <>
      <ConnectionStatus status={chat.status} />
      {chat.state === 'closed' && <button onClick={chat.retry}>Try again</button>}
      <ul aria-live="polite">
        {chat.messages.map(({ id, from, userId, content, state, error }) => (
          <li key={`${from} ${userId} ${id}`}>
            <b>{userId ?? 'Recipe'}</b> {content} {state === 'pending' && '…'} {error?.message}
          </li>
        ))}
      </ul>
      <form onSubmit={submit}>
        <input name="content" aria-label="Message" maxLength={16384} required />
        <button>Send</button>
      </form>
    </>
  );
}

createRoot(document.getElementById('chat')).render(<Chat recipeId="soup" />);
