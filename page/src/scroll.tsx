// The place where one reads what was said.

import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ReactElement,
  type ReactNode,
} from 'react';
import type { HistoryEntry } from '@vestibule/client';
import type { Line } from '@vestibule/client/react';

import type { EarlierMessages } from './earlier';
import { Icon } from './icons';
import { Problem } from './parts';

const NEAR_PX = 80;

interface ScrollProps {
  isShown: boolean;
  /** The id of the oldest message. */
  first: string;
  /** The newest thing that was said. */
  last: Line | HistoryEntry | null;
  /** The user is at the oldest message. */
  reachTop: () => void;
  children: ReactNode;
}

/** The same for a line and for the entry that it becomes in the history. */
function keyOf(last: Line | HistoryEntry | null): string {
  if (last === null) return '';
  const isAnswered = 'from' in last ? last.from === 'server' : last.reply !== null;
  return `${last.id} ${isAnswered}`;
}

/** Follows what is said, unless the user went back to read and says nothing. */
export function Scroll({ isShown, first, last, reachTop, children }: ScrollProps): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  /** From the bottom of the text to the top of what is seen. */
  const fromBottom = useRef(0);
  const [isBehind, setIsBehind] = useState(false);
  const key = keyOf(last);
  const seen = useRef(key);
  // What the same user says in another tab comes when it is done.
  const isMine =
    last !== null && 'from' in last && last.from === 'me' && last.state === 'pending';

  const toEnd = useCallback(() => {
    const { current } = place;
    if (current !== null) current.scrollTop = current.scrollHeight;
  }, []);
  const look = () => {
    const { current } = place;
    if (current === null || current.clientHeight === 0) return;
    const { scrollHeight, scrollTop, clientHeight } = current;
    fromBottom.current = scrollHeight - scrollTop;
    isAtEnd.current = fromBottom.current - clientHeight < NEAR_PX;
    if (isAtEnd.current) setIsBehind(false);
    if (scrollTop < NEAR_PX) reachTop();
  };

  // Older messages go above: what is read stays where it is. So it does behind the other tab.
  useLayoutEffect(() => {
    const { current } = place;
    if (current === null) return;
    if (isAtEnd.current) toEnd();
    else current.scrollTop = current.scrollHeight - fromBottom.current;
  }, [first, isShown, toEnd]);
  useLayoutEffect(() => {
    const { current } = place;
    if (current === null) return;
    if (!isAtEnd.current && !isMine) return setIsBehind((is) => is || key !== seen.current);
    seen.current = key;
    toEnd();
    // What is longer than the window is read from its beginning.
    const newest = Array.from(current.querySelectorAll('.bubble')).at(-1);
    const above = current.getBoundingClientRect().top - (newest?.getBoundingClientRect().top ?? 0);
    if (newest !== undefined && above > 0) current.scrollTop -= above + 8;
  }, [key, isShown]);
  // Also without scrolling: a short chat shows the oldest message that there is here.
  useEffect(look, [first, isShown]);
  // A keyboard comes up, or the input grows, or something is said of a message: the end stays in view,
  // unless the user has opened a long text.
  useEffect(() => {
    const { current } = place;
    const text = current?.firstElementChild;
    if (current === null || text == null) return;
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current && !text.contains(document.activeElement)) toEnd();
    });
    observer.observe(current);
    observer.observe(text);
    return () => observer.disconnect();
  }, [toEnd]);

  return (
    <div className="scroll-place">
      <div
        className="scroll"
        ref={place}
        tabIndex={0}
        role="group"
        aria-label="Messages"
        onScroll={look}
      >
        <div className="scrolled">{children}</div>
      </div>
      {isBehind && (
        <button
          type="button"
          className="button small behind"
          onClick={() => {
            toEnd();
            place.current?.focus({ preventScroll: true });
          }}
        >
          <Icon name="down" /> New messages
        </button>
      )}
    </div>
  );
}

/** Above the oldest message. */
export function Earlier({ earlier }: { earlier: EarlierMessages }): ReactElement | null {
  const { isLoading, fault, load } = earlier;
  if (fault !== null) {
    return (
      <div className="delivery earlier">
        <Problem>{fault}</Problem>
        <button type="button" className="link" onClick={load}>
          Try again
        </button>
      </div>
    );
  }
  // Of a page that is the last one there is nothing to say.
  return isLoading && earlier.history.length > 0 ? (
    <p className="delivery earlier">Loading earlier messages…</p>
  ) : null;
}
