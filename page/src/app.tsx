// The frame around the screens: who is in, where, and how to get out.

import type { ReactElement, ReactNode } from 'react';

import { Account } from './account-screen';
import { Auth } from './auth';
import { leave } from './api';
import { deleteNow } from './deletions';
import { Door } from './door';
import { useArrival, useStart, useTitle } from './hooks';
import { Mark } from './icons';
import { Join } from './join';
import { List } from './list';
import { New } from './new';
import { Link, usePath } from './router';
import { routeOf } from './routes';
import { session, type User } from './session';
import { useStore } from './store';
import { Update } from './update';

export function App(): ReactElement {
  const { user, ended } = useStore(session);
  const route = routeOf(usePath());
  useStart();
  // The address stays, and so does where one wanted to be.
  if (user === null) return <Auth ended={ended} isInvited={route.name === 'join'} />;
  switch (route.name) {
    case 'list':
      return <Frame user={user} main={<List />} />;
    case 'new':
      return <Frame user={user} main={<New />} />;
    case 'account':
      return <Frame user={user} main={<Account user={user} />} />;
    case 'join':
      return <Frame user={user} main={<Join />} />;
    case 'missing':
      return <Frame user={user} main={<Missing />} />;
    case 'recipe':
      return <Frame user={user} main={<Door key={route.id} id={route.id} user={user} />} isRoom />;
  }
}

interface FrameProps {
  user: User;
  main: ReactNode;
  /** The screen is as high as the window, and its parts scroll. */
  isRoom?: boolean;
}

function Frame({ user, main, isRoom = false }: FrameProps): ReactElement {
  return (
    <div className={isRoom ? 'frame is-room' : 'frame'}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Update />
      <header className="top">
        <Link className="brand" href="/" aria-label="Vestibule, all recipes">
          <Mark />
          <span className="brand-name">Vestibule</span>
        </Link>
        <div className="who">
          <Link className="quiet account-link" href="/account" title="Your account">
            <span className="email">{user.email}</span>
            <span className="account-word">Account</span>
          </Link>
          <button type="button" className="quiet" onClick={() => void deleteNow().then(leave)}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {main}
      </main>
    </div>
  );
}

function Missing(): ReactElement {
  useTitle('Not found');
  return (
    <div className="empty">
      <h1 ref={useArrival()} tabIndex={-1}>
        There is nothing here
      </h1>
      <p>The address may be mistyped, or what was here is gone.</p>
      <Link className="button" href="/">
        All recipes
      </Link>
    </div>
  );
}
