// Signing in, and signing up.

import { useEffect, useId, useRef, useState, type FormEvent, type ReactElement } from 'react';

import { enter, Refused } from './api';
import { useTitle } from './hooks';
import { Mark } from './icons';
import { Field, Trouble } from './parts';
import type { Session } from './session';

const MIN_PASSWORD = 8;
const NOTICES = {
  signed_out: 'You are signed out. Please sign in again, and you are back where you were.',
  expired: 'Session expired. Please sign in again, and you are back where you were.',
  revoked: 'You were signed out. Please sign in again, and you are back where you were.',
  refused: 'The server did not accept your session. Please sign in again.',
  elsewhere: 'You signed out in another tab.',
};

type Mode = 'signin' | 'signup';

const WORDS = {
  signin: { title: 'Sign in', busy: 'Signing in…', ask: 'No account yet?', other: 'Create one' },
  signup: {
    title: 'Create an account',
    busy: 'Creating your account…',
    ask: 'You have an account?',
    other: 'Sign in',
  },
};

function check(mode: Mode, email: string, password: string): Refused | null {
  const wrong = (field: string, text: string) => new Refused('invalid_field', text, field);
  if (email.trim() === '') return wrong('email', 'Enter your email address.');
  if (!/^\S+@\S+$/.test(email.trim())) {
    return wrong('email', 'Enter a whole address, such as ann@example.com.');
  }
  if (password === '') return wrong('password', 'Enter your password.');
  if (mode === 'signup' && [...password].length < MIN_PASSWORD) {
    return wrong('password', `Use at least ${MIN_PASSWORD} characters.`);
  }
  return null;
}

interface AuthProps {
  ended: Session['ended'];
  /** Somebody has followed the link of an invitation. */
  isInvited: boolean;
}

export function Auth({ ended, isInvited }: AuthProps): ReactElement {
  const [mode, setMode] = useState<Mode>('signin');
  const [refusal, setRefusal] = useState<Refused | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [isShown, setIsShown] = useState(false);
  // What the server has said of sign-ups here.
  const [signUps, setSignUps] = useState<'open' | 'invite' | 'closed'>('open');
  const form = useRef<HTMLFormElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  const words = WORDS[mode];
  useTitle(words.title);

  // A session that ended put this screen before somebody who was elsewhere.
  useEffect(() => {
    if (ended !== null) heading.current?.focus();
  }, [ended]);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusal]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    const fields = new FormData(event.currentTarget);
    const [email, password] = [String(fields.get('email')), String(fields.get('password'))];
    const wrong = check(mode, email, password);
    setRefusal(wrong);
    if (wrong !== null) return;
    setIsBusy(true);
    const invitation = fields.get('invitation');
    try {
      await enter(mode, email.trim(), password, invitation === null ? null : String(invitation));
    } catch (fault) {
      const code = fault instanceof Refused ? fault.code : '';
      if (code === 'invitation_required') setSignUps('invite');
      if (code === 'signup_closed') {
        setSignUps('closed');
        setMode('signin');
      }
      setRefusal(fault instanceof Refused ? fault : new Refused('internal', String(fault)));
      setIsBusy(false);
    }
  };
  const change = (to: Mode) => {
    setMode(to);
    setRefusal(null);
    heading.current?.focus();
  };
  const problemOf = (field: string) =>
    refusal?.field === field ? refusal.message : null;
  const fieldNames = ['email', 'password', 'invitation'];
  const isGeneral = refusal !== null && !fieldNames.includes(refusal.field ?? '');

  return (
    <main className="auth">
      <div className="welcome">
        <p className="brand">
          <Mark />
          <span className="brand-name">Vestibule</span>
        </p>
        <p className="promise">Recipes you can talk to.</p>
        <p className="pitch">
          Paste one from anywhere, then say what you want: eight servings, no garlic, olive oil for
          the butter.
        </p>
      </div>
      <section className="card" aria-labelledby={`${id}-title`}>
        <h1 id={`${id}-title`} ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        {ended !== null && (
          <p className="notice" role="status">
            {NOTICES[ended]}
          </p>
        )}
        {isInvited && (
          <p className="notice">
            You are invited to a recipe. Sign in or create an account, and it opens.
          </p>
        )}
        {isGeneral && <Trouble text={refusal.message} />}
        <form ref={form} onSubmit={submit} noValidate>
          <Field
            id={`${id}-email`}
            label="Email"
            name="email"
            type="email"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            problem={problemOf('email')}
          />
          {refusal?.code === 'email_exists' && (
            <button type="button" className="link" onClick={() => change('signin')}>
              Sign in with it
            </button>
          )}
          <Field
            key={mode}
            id={`${id}-password`}
            label="Password"
            name="password"
            type={isShown ? 'text' : 'password'}
            autoComplete={mode === 'signin' ? 'current-password' : 'new-password'}
            autoCapitalize="none"
            spellCheck={false}
            required
            maxLength={128}
            problem={problemOf('password')}
            {...(mode === 'signup' && { hint: `At least ${MIN_PASSWORD} characters.` })}
          >
            <button
              type="button"
              className="inside"
              aria-label={isShown ? 'Hide the password' : 'Show the password'}
              onClick={() => setIsShown(!isShown)}
            >
              {isShown ? 'Hide' : 'Show'}
            </button>
          </Field>
          {mode === 'signup' && signUps === 'invite' && (
            <Field
              id={`${id}-invitation`}
              label="Invitation"
              name="invitation"
              type="text"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              required
              problem={problemOf('invitation')}
            />
          )}
          <button type="submit" className="button wide" aria-disabled={isBusy}>
            {isBusy ? words.busy : words.title}
          </button>
        </form>
        {signUps !== 'closed' && (
          <p className="other">
            {words.ask}{' '}
            <button
              type="button"
              className="link"
              onClick={() => change(mode === 'signin' ? 'signup' : 'signin')}
            >
              {words.other}
            </button>
          </p>
        )}
      </section>
    </main>
  );
}
