// The account: its password, its sessions, its data, and its end.

import { useCallback, useEffect, useRef, useState, type FormEvent, type ReactElement } from 'react';

import {
  changePassword,
  deleteAccount,
  endAllSessions,
  endSession,
  listSessions,
  saveAll,
  type SessionEntry,
} from './account';
import { Refused } from './api';
import { ago } from './format';
import { useArrival, useTitle } from './hooks';
import { messageKey, setMessageKey } from './keys';
import { Field, Problem, Trouble } from './parts';
import { go } from './router';
import type { User } from './session';
import { useStore } from './store';

function refusalOf(fault: unknown): Refused {
  if (!(fault instanceof Refused)) return new Refused('internal', String(fault));
  if (fault.code !== 'invalid_credentials') return fault;
  return new Refused(fault.code, 'The password is wrong.', 'password');
}

/** What a form is about to do, has done, or could not do. */
function useCall() {
  const [isBusy, setIsBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refused | null>(null);
  const [isDone, setIsDone] = useState(false);
  const call = async (act: () => Promise<unknown>) => {
    if (isBusy) return;
    setIsBusy(true);
    setRefusal(null);
    setIsDone(false);
    try {
      await act();
      setIsDone(true);
    } catch (fault) {
      setRefusal(refusalOf(fault));
    }
    setIsBusy(false);
  };
  return { isBusy, refusal, isDone, call };
}

export function Account({ user }: { user: User }): ReactElement {
  // A new password ends the other sessions.
  const [changes, setChanges] = useState(0);
  useTitle('Account');
  return (
    <div className="new account">
      <h1 ref={useArrival()} tabIndex={-1}>
        Account
      </h1>
      <p className="hint">
        You are signed in as <bdi>{user.email}</bdi>.
      </p>
      <Password user={user} done={() => setChanges((count) => count + 1)} />
      <Sessions key={changes} />
      <Keys />
      <Data />
      <Deletion user={user} />
    </div>
  );
}

/** The focus goes to the field that is wrong. */
function useWrongField(refusal: Refused | null) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusal]);
  return form;
}

interface PasswordFieldProps {
  id: string;
  name: 'password' | 'new_password';
  label: string;
  refusal: Refused | null;
  hint?: string;
}

function PasswordField({ refusal, name, ...field }: PasswordFieldProps): ReactElement {
  return (
    <Field
      {...field}
      name={name}
      type="password"
      autoComplete={name === 'password' ? 'current-password' : 'new-password'}
      required
      maxLength={128}
      problem={refusal?.field === name ? refusal.message : null}
    />
  );
}

/** For password managers: whose password it is. */
const Username = ({ user }: { user: User }) => (
  <input type="email" autoComplete="username" value={user.email} readOnly hidden />
);

/** What is wrong, unless a field has it. */
function General({ refusal }: { refusal: Refused | null }): ReactElement | null {
  if (refusal === null || refusal.field?.endsWith('password')) return null;
  return <Trouble text={refusal.message} />;
}

function Password({ user, done }: { user: User; done: () => void }): ReactElement {
  const { isBusy, refusal, isDone, call } = useCall();
  const form = useWrongField(refusal);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { currentTarget } = event;
    const fields = new FormData(currentTarget);
    void call(async () => {
      await changePassword(String(fields.get('password')), String(fields.get('new_password')));
      currentTarget.reset();
      done();
    });
  };
  return (
    <section aria-labelledby="password-title">
      <h2 id="password-title">Password</h2>
      <General refusal={refusal} />
      <form ref={form} onSubmit={submit} noValidate>
        <Username user={user} />
        <PasswordField id="old" name="password" label="Current password" refusal={refusal} />
        <PasswordField
          id="new"
          name="new_password"
          label="New password"
          hint="At least 8 characters."
          refusal={refusal}
        />
        <button type="submit" className="button" aria-disabled={isBusy}>
          Change the password
        </button>
      </form>
      <p role="status" className="hint">
        {isDone && 'It is changed, and all other sessions have ended.'}
      </p>
    </section>
  );
}

function Sessions(): ReactElement {
  const [sessions, setSessions] = useState<readonly SessionEntry[] | null>(null);
  const { isBusy, refusal, call } = useCall();
  const heading = useRef<HTMLHeadingElement>(null);
  const load = useCallback(async () => setSessions(await listSessions()), []);
  useEffect(() => void call(load), [load]);
  const finish = (id: string) =>
    call(async () => {
      await endSession(id);
      await load();
      // Its button is gone.
      heading.current?.focus();
    });
  return (
    <section aria-labelledby="sessions-title" aria-busy={isBusy}>
      <h2 id="sessions-title" ref={heading} tabIndex={-1}>
        Sessions
      </h2>
      <General refusal={refusal} />
      <ul className="sessions">
        {sessions?.map((one) => (
          <li key={one.id}>
            <span>
              <b>{one.is_current ? 'This browser' : 'Another browser or program'}</b>
              {one.created_at !== null && <>, signed in {ago(one.created_at)}</>}
              {one.last_used_at !== null && <>, last used {ago(one.last_used_at)}</>}
            </span>
            {!one.is_current && (
              <button type="button" className="quiet small" onClick={() => void finish(one.id)}>
                End
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" className="quiet edged" onClick={() => void call(everywhere)}>
        Sign out everywhere
      </button>
    </section>
  );
}

async function everywhere(): Promise<void> {
  await endAllSessions();
  go('/');
}

function Keys(): ReactElement {
  const isOn = useStore(messageKey);
  return (
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">Keyboard</h2>
      <label className="cooking">
        <input
          type="checkbox"
          role="switch"
          checked={isOn}
          onChange={(event) => setMessageKey(event.target.checked)}
        />
        The key / goes to the message
      </label>
      <p className="hint">On this device. Without it, a link at the top of a recipe goes there.</p>
    </section>
  );
}

function Data(): ReactElement {
  const { isBusy, refusal, call } = useCall();
  return (
    <section aria-labelledby="data-title">
      <h2 id="data-title">Your data</h2>
      <General refusal={refusal} />
      <p className="hint">Your account, your sessions and all recipes, in one file.</p>
      <button
        type="button"
        className="quiet edged"
        aria-disabled={isBusy}
        onClick={() => void call(saveAll)}
      >
        {isBusy ? 'One moment…' : 'Save as a file'}
      </button>
    </section>
  );
}

function Deletion({ user }: { user: User }): ReactElement {
  const { isBusy, refusal, call } = useCall();
  const form = useWrongField(refusal);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get('password'));
    void call(async () => {
      await deleteAccount(password);
      go('/');
    });
  };
  return (
    <section aria-labelledby="deletion-title">
      <h2 id="deletion-title">Delete the account</h2>
      <Problem>Your recipes, their chats and your sessions are deleted with it, for good.</Problem>
      <General refusal={refusal} />
      <form ref={form} onSubmit={submit} noValidate>
        <Username user={user} />
        <PasswordField id="last" name="password" label="Your password" refusal={refusal} />
        <button type="submit" className="button danger" aria-disabled={isBusy}>
          Delete my account
        </button>
      </form>
    </section>
  );
}
