// What was said, and what one says next.

import {
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type FormEvent,
  type KeyboardEvent,
  type ReactElement,
} from 'react';
import type { ChatError } from '@vestibule/client';
import type { Line, RecipeChat } from '@vestibule/client/react';

import { Cut, cut, type TextLimit } from './cut';
import { keyOf, useEarlier } from './earlier';
import { clock } from './format';
import { Icon } from './icons';
import { isComposing } from './keys';
import type { Access, Recipe } from './model';
import { inOrder, useTimes } from './order';
import { Problem } from './parts';
import { Rich } from './rich';
import { Earlier, Scroll } from './scroll';
import { drafts } from './session';
import { Suggestions } from './suggestions';

/** The most that the server takes, and room in 64 KiB for the rest of a message. */
const LIMIT: TextLimit = { chars: 16_384, bytes: 65_000 };

interface ChatProps {
  /** Of the recipe. */
  id: string;
  chat: RecipeChat<Recipe>;
  /** The room and the user by whose ids drafts are kept. */
  draftOf: readonly [room: string, user: string];
  /** What to say of a message without an answer. */
  pending: string;
  /** False: it is behind the other tab. */
  isShown: boolean;
  /** What the user may do; null: nobody knows yet. */
  access: Access | null;
  /** What to call somebody else. */
  nameOf: (user: string | null) => string;
}

export function Chat(props: ChatProps): ReactElement {
  const { id, chat, draftOf, pending, isShown, access, nameOf } = props;
  const isReader = access?.role === 'reader';
  const [draft, setDraft] = useDraft(...draftOf);
  const input = useRef<HTMLTextAreaElement>(null);
  const { messages, recipe, send, session, state } = chat;
  const earlier = useEarlier(id, chat.history, messages, session !== null);
  const { history } = earlier;
  const timeOf = useTimes(messages);
  const isNew = history.length === 0 && messages.length === 0;

  /** Into the input, for the user to complete. */
  const write = (text: string) => {
    setDraft(text);
    input.current?.focus();
  };
  const say = (text: string) => {
    if (state === 'closed') return write(text);
    void send(text);
  };

  return (
    <div className="chat">
      <Scroll
        isShown={isShown}
        first={history[0]?.id ?? ''}
        last={messages.at(-1) ?? history.at(-1) ?? null}
        reachTop={earlier.load}
      >
        {isNew && (
          <Greeting isComing={session === null && COMING.includes(state)} isReader={isReader} />
        )}
        <Earlier earlier={earlier} />
        {history.length > 0 && (
          <ol className="lines" aria-label="Earlier">
            {history.map((entry) => (
              <li key={keyOf(entry)} className="exchange">
                {entry.user_id === draftOf[1] ? (
                  <Mine content={entry.content} time={Date.parse(entry.timestamp)} />
                ) : (
                  <Others
                    name={nameOf(entry.user_id)}
                    content={entry.content}
                    time={Date.parse(entry.timestamp)}
                  />
                )}
                {entry.reply !== null && (
                  <Assistant content={entry.reply} source={entry.source} write={write} />
                )}
              </li>
            ))}
          </ol>
        )}
        <div role="log" aria-label="Conversation" className="lines">
          {inOrder(messages).map((line) => (
            <Said
              key={keyOf(line)}
              line={line}
              time={timeOf(line)}
              pending={pending}
              nameOf={nameOf}
              write={write}
              again={say}
            />
          ))}
        </div>
      </Scroll>
      {isReader ? (
        <p className="reader-note">You may read this recipe and chat. Only editors change it.</p>
      ) : (
        <Suggestions recipe={recipe} draft={draft} say={say} write={write} />
      )}
      <Composer
        draft={draft}
        setDraft={setDraft}
        input={input}
        isClosed={state === 'closed'}
        isReader={isReader}
        send={send}
      />
    </div>
  );
}

/** What is being written: found again after a navigation, a reload or a new sign-in. */
function useDraft(room: string, user: string) {
  const [draft, setDraft] = useState(() => drafts.load(room, user));
  const set = (text: string) => {
    setDraft(text);
    drafts.save(room, user, text);
  };
  return [draft, set] as const;
}

const COMING: readonly RecipeChat<Recipe>['state'][] = ['connecting', 'authenticating'];

const READER = 'Ask about the recipe, or write to the others who cook from it.';
const WRITER = 'Say what you would change, in plain words. Every change can be undone.';

function Greeting(props: { isComing: boolean; isReader: boolean }): ReactElement {
  const { isComing, isReader } = props;
  return (
    <div className="greeting">
      <span className="picture">
        <Icon name="talk" />
      </span>
      <h2>Talk to your recipe</h2>
      <p>
        {isComing
          ? 'One moment, the chat is on its way.'
          : isReader
            ? READER
            : WRITER}
      </p>
    </div>
  );
}

function Time({ time }: { time: number }): ReactElement {
  const [short, long] = clock(time);
  return (
    <time className="time" dateTime={new Date(time).toISOString()} title={long}>
      {short}
    </time>
  );
}

/** What somebody said: of a long text the beginning, and the rest if one asks. */
function Text({ content }: { content: string }): ReactElement {
  const [isOpen, setIsOpen] = useState(false);
  const isLong = content.length > 400 || content.split('\n').length > 8;
  return (
    <>
      <p className={isLong && !isOpen ? 'clipped' : undefined} dir="auto">
        {content}
      </p>
      {isLong && (
        <button type="button" className="link" onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? 'Show less' : 'Show all'}
        </button>
      )}
    </>
  );
}

function Mine({ content, time }: { content: string; time: number }): ReactElement {
  return (
    <div className="bubble mine">
      <span className="unseen">You: </span>
      <Text content={content} />
      <Time time={time} />
    </div>
  );
}

function Others(props: { name: string; content: string; time: number }): ReactElement {
  const { name, content, time } = props;
  return (
    <div className="bubble theirs others">
      <p className="name">
        <bdi>{name}</bdi>
        <span className="unseen">: </span>
      </p>
      <Text content={content} />
      <Time time={time} />
    </div>
  );
}

interface AssistantProps {
  content: string;
  /** Who wrote it, where that was not the assistant by its own rules. */
  source: Line['source'];
  write: (text: string) => void;
}

function Assistant({ content, source, write }: AssistantProps): ReactElement {
  return (
    <div className="bubble theirs">
      <span className="unseen">Assistant: </span>
      {source === 'model' && <p className="source">Suggested by the model</p>}
      <Rich text={content} use={write} />
    </div>
  );
}

interface SaidProps {
  line: Line;
  time: number;
  pending: string;
  nameOf: (user: string | null) => string;
  write: (text: string) => void;
  again: (text: string) => void;
}

function Said(props: SaidProps): ReactElement {
  const { line, time, pending, nameOf, write, again } = props;
  if (line.from === 'server') {
    return <Assistant content={line.content} source={line.source} write={write} />;
  }
  if (line.from === 'others') {
    return <Others name={nameOf(line.userId)} content={line.content} time={time} />;
  }
  return (
    <div className="said" data-state={line.state}>
      <Mine content={line.content} time={time} />
      {line.state === 'pending' && <p className="delivery">{pending}</p>}
      {line.state === 'failed' && (
        <div className="delivery">
          <Problem>{problemOf(line.error)}</Problem>
          <button type="button" className="link" onClick={() => again(line.content)}>
            Send again
          </button>
        </div>
      )}
    </div>
  );
}

function problemOf(error: ChatError | null): string {
  switch (error?.code) {
    case 'rate_limited': {
      const seconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 1_000) / 1_000));
      return `Not sent: that was a lot at once. Try again in ${seconds} s.`;
    }
    case 'closed':
      return 'Not sent: the connection was closed.';
    case 'queue_full':
      return 'Not sent: too many messages wait already.';
    case 'outcome_unknown':
      return 'The connection was away for so long that nobody can tell whether this arrived.';
    case 'invalid_content':
      return 'Not sent: a message has at most 16,384 characters.';
    case 'backend_unavailable':
    case 'backend_timeout':
      return 'The assistant does not answer. Try again in a moment.';
    case 'not_delivered':
      return `Not shown to the others: ${error.message}`;
    default:
      return 'Something went wrong with this message.';
  }
}

interface ComposerProps {
  draft: string;
  setDraft: (text: string) => void;
  input: React.RefObject<HTMLTextAreaElement | null>;
  isClosed: boolean;
  isReader: boolean;
  send: (text: string) => Promise<unknown>;
}

function Composer(props: ComposerProps): ReactElement {
  const { draft, setDraft, input, isClosed, isReader, send } = props;
  const id = useId();
  const [kept, rest] = useMemo(() => cut(draft.trim(), LIMIT), [draft]);
  const cannotSend = draft.trim() === '' || isClosed || rest !== '';

  // As high as its text, where the style sheet cannot do that.
  useLayoutEffect(() => {
    const { current } = input;
    if (current === null || CSS.supports('field-sizing', 'content')) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [draft, input]);
  // The blank of a template is selected, so that typing fills it.
  useEffect(() => {
    const at = draft.indexOf('…');
    if (draft.startsWith('Replace … with …')) input.current?.setSelectionRange(at, at + 1);
  }, [draft, input]);

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (cannotSend) return;
    void send(draft.trim());
    setDraft('');
    input.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    submit();
  };

  return (
    <form className="composer" onSubmit={submit}>
      <label className="unseen" htmlFor={id}>
        Message
      </label>
      <textarea
        id={id}
        ref={input}
        rows={1}
        dir="auto"
        value={draft}
        aria-invalid={rest !== ''}
        aria-describedby={rest === '' ? undefined : `${id}-cut`}
        placeholder={isReader ? 'Ask, or write to the others' : 'What would you change?'}
        autoComplete="off"
        enterKeyHint="send"
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button
        type="submit"
        className="send"
        aria-label="Send"
        aria-disabled={cannotSend}
        title={isClosed ? 'Not connected' : rest === '' ? 'Send' : 'Too long'}
      >
        <Icon name="send" />
      </button>
      {rest !== '' && (
        <Cut id={`${id}-cut`} rest={rest} label="Cut it" act={() => setDraft(kept.trimEnd())} />
      )}
    </form>
  );
}
