// A recipe beside its chat; on a phone one behind the other.

import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { ConnectionStatus, useRecipeChat, type RecipeChat } from '@vestibule/client/react';
import { TEXTS, viewOf, type StatusView, type TextKey } from '@vestibule/client/texts';

import { Chat } from './chat';
import { keepCopy } from './copies';
import type { First } from './first';
import { useArrival, useIsNarrow, useTitle } from './hooks';
import { Icon } from './icons';
import { messageKey } from './keys';
import type { Recipe } from './model';
import { useNames } from './names';
import { takeFirstMessage } from './new';
import { People, useAccess } from './people';
import { RecipeView } from './recipe';
import { Link } from './router';
import { askToSignIn, outbox, tokens, type User } from './session';
import { useStore } from './store';

const TABS = ['recipe', 'chat'] as const;
/** The recipe is on its way: otherwise something is said that contradicts that. */
const COMING: readonly TextKey[] = ['connecting', 'authenticating', 'authenticated'];
type Tab = (typeof TABS)[number];

interface RoomProps {
  id: string;
  user: User;
  /** As it was before there was a connection; null: nobody knows. */
  first: First | null;
  isArrival: boolean;
}

export function Room({ id, user, first, isArrival }: RoomProps): ReactElement {
  const { getToken, refreshToken } = tokens;
  const live = useRecipeChat<Recipe>(id, {
    url: location.origin,
    getToken,
    refreshToken,
    outbox,
    userId: user.id,
    presence: true,
  });
  const others = live.present?.filter((one) => one !== user.id) ?? [];
  // Over HTTP it may have come later than over the socket.
  const [taken, take] = useState(first?.recipe ?? null);
  const chat = { ...live, recipe: newest(live.recipe, taken) };
  const copiedAt = live.recipe === null ? (first?.copiedAt ?? null) : null;
  const access = useAccess(id, first, live.session !== null, useNews(live));
  const speakers = [...live.history.map((entry) => entry.user_id), ...others];
  for (const { from, userId } of live.messages) if (from === 'others' && userId) speakers.push(userId);
  const names = useNames(id, access, speakers.filter((one) => one !== user.id));
  const [tab, setTab] = useState<Tab>('recipe');
  const isNarrow = useIsNarrow();
  const heading = useArrival(isArrival);
  const [seen, setSeen] = useState<Recipe | null>(null);
  const tabs = useId();
  const { recipe, send, status } = chat;
  const hasKey = useStore(messageKey);
  const [chatPane, toMessage] = useMessageKey(hasKey, () => setTab('chat'));
  useTitle(recipe?.title ?? 'Recipe');

  useEffect(() => {
    if (live.recipe !== null && access !== null) void keepCopy(id, { ...live.recipe, ...access });
  }, [id, live.recipe, access]);
  useEffect(() => {
    const message = takeFirstMessage(id);
    if (message === null) return;
    setTab('chat');
    void send(message);
  }, [id, send]);

  const isRecipeShown = !isNarrow || tab === 'recipe';
  if (recipe !== null && recipe !== seen && (isRecipeShown || seen === null)) setSeen(recipe);
  const isUnseen = recipe !== null && recipe.updated_at !== seen?.updated_at;

  // All that is said about the connection comes from here.
  const view = viewOf(status);
  if (view.key === 'denied') return <Denied />;

  const panel = (name: Tab) =>
    isNarrow
      ? ({
          role: 'tabpanel',
          id: `${tabs}-${name}`,
          'aria-labelledby': `${tabs}-tab-${name}`,
          hidden: tab !== name,
        } as const)
      : ({ role: 'region', 'aria-label': name === 'recipe' ? 'Recipe' : 'Chat' } as const);

  return (
    <div className="room">
      <button
        type="button"
        className="skip"
        aria-keyshortcuts={hasKey ? '/' : undefined}
        onClick={toMessage}
      >
        Skip to the message {hasKey && '(/)'}
      </button>
      <div className="bar">
        <Link className="quiet back" href="/">
          <Icon name="back" /> <span>Recipes</span>
        </Link>
        <div className="connection">
          <ConnectionStatus status={status} className="status" />
          <Retry chat={chat} view={view} />
        </div>
      </div>
      <Banner chat={chat} view={view} />
      {isNarrow && (
        <div className="tabs" role="tablist" aria-label="Recipe and chat">
          {TABS.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`${tabs}-tab-${name}`}
              aria-selected={tab === name}
              aria-controls={`${tabs}-${name}`}
              tabIndex={tab === name ? 0 : -1}
              onClick={() => setTab(name)}
              onKeyDown={(event) => moveTab(event, setTab)}
            >
              {name === 'recipe' ? 'Recipe' : 'Chat'}
              {name === 'recipe' && isUnseen && (
                <span className="dot">
                  <span className="unseen">, changed</span>
                </span>
              )}
            </button>
          ))}
        </div>
      )}
      <div className="panes">
        <div className="pane recipe-pane" tabIndex={isNarrow ? undefined : 0} {...panel('recipe')}>
          <RecipeView
            recipe={recipe}
            isComing={COMING.includes(view.key)}
            heading={heading}
            people={recipe !== null && <People {...{ recipe, access, copiedAt, others, names }} />}
            took={access === null || access.role === 'reader' ? null : take}
          />
        </div>
        <div className="pane chat-pane" ref={chatPane} {...panel('chat')}>
          {isNarrow && <h1 className="unseen">{recipe?.title ?? 'Recipe'}</h1>}
          <Chat
            id={id}
            chat={chat}
            draftOf={[id, user.id]}
            pending={view.pending}
            isShown={!isNarrow || tab === 'chat'}
            access={access}
            nameOf={names.nameOf}
          />
        </div>
      </div>
    </div>
  );
}

/** The last text that nobody here has asked for, and that brought no recipe. */
function useNews({ messages, recipe }: RecipeChat<Recipe>): string | null {
  const mine = new Set(messages.filter(({ from }) => from === 'me').map((line) => line.id));
  const told = messages.filter(({ from, id }) => from === 'server' && !mine.has(id));
  const id = told.at(-1)?.id ?? null;
  const [last, setLast] = useState({ recipe, id, news: null as string | null });
  if (recipe === last.recipe && id === last.id) return last.news;
  const news = recipe === last.recipe ? id : last.news;
  setLast({ recipe, id, news });
  return news;
}

function newest(a: Recipe | null, b: Recipe | null): Recipe | null {
  if (a === null || b === null) return a ?? b;
  return b.updated_at > a.updated_at ? b : a;
}

/** Where a key is a letter, or opens something. */
const TAKES_KEYS = 'input:not([type=checkbox]), textarea, select, dialog *';

/** `/` goes to the input of the chat, unless one is in an input already, or has turned that off. */
function useMessageKey(isOn: boolean, show: () => void) {
  const pane = useRef<HTMLDivElement>(null);
  const toMessage = () => {
    // It has the focus only where it is shown.
    flushSync(show);
    pane.current?.querySelector('textarea')?.focus();
  };
  const latest = useRef(toMessage);
  latest.current = toMessage;
  useEffect(() => {
    if (!isOn) return;
    const onKeyDown = (event: globalThis.KeyboardEvent) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      const { target } = event;
      const isTyping = target instanceof Element && target.matches(TAKES_KEYS);
      if (event.key !== '/' || !isPlain || isTyping || event.defaultPrevented) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [isOn]);
  return [pane, toMessage] as const;
}

function moveTab(event: KeyboardEvent<HTMLButtonElement>, setTab: (tab: Tab) => void): void {
  if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
  event.preventDefault();
  const buttons = Array.from(event.currentTarget.parentElement?.querySelectorAll('button') ?? []);
  const other = buttons.indexOf(event.currentTarget) === 0 ? 1 : 0;
  const at = event.key === 'Home' ? 0 : event.key === 'End' ? 1 : other;
  setTab(TABS[at] ?? 'recipe');
  buttons[at]?.focus();
}

interface Shown {
  chat: RecipeChat<Recipe>;
  view: StatusView;
}

/** Beside the indicator: what one can do about it. */
function Retry({ chat, view: { help, key } }: Shown): ReactElement | null {
  if (help === null) return null;
  const isKnown = key === 'signed_out' || key === 'expired' || key === 'revoked';
  const why = isKnown ? key : 'refused';
  const [text, act] =
    help === 'sign_in'
      ? ['Sign in again', () => askToSignIn(why)]
      : [chat.state === 'closed' ? 'Connect' : 'Try now', chat.retry];
  return (
    <button type="button" className="button small" onClick={act}>
      {text}
    </button>
  );
}

/** While messages cannot be sent: what becomes of them. Why, the indicator says. */
function Banner({ chat, view }: Shown): ReactElement {
  const waiting = chat.messages.filter((line) => line.state === 'pending').length;
  const isAway = chat.state !== 'authenticated' && chat.state !== 'closed';
  const isOffline = view.key === 'offline';
  const said = waiting === 1 ? 'Your message is' : `Your ${waiting} messages are`;
  return (
    <div role="status" className="banner-place">
      {isAway && (waiting > 0 || isOffline) && (
        <p className="banner">
          <Icon name={isOffline ? 'offline' : 'clock'} />
          <span>
            {waiting > 0 ? said : 'What you write is'} kept here, and sent once you are connected.
          </span>
        </p>
      )}
    </div>
  );
}

export function Denied(): ReactElement {
  return (
    <div className="empty">
      <h1 ref={useArrival()} tabIndex={-1}>
        No such recipe
      </h1>
      <p role="status">{TEXTS.denied}</p>
      <Link className="button" href="/">
        All recipes
      </Link>
    </div>
  );
}
