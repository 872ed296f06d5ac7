// Sharing a recipe: by address or by link, and who has access.

import { useCallback, useEffect, useRef, useState, type FormEvent, type ReactElement } from 'react';

import { Refused } from './api';
import { Dialog } from './dialog';
import { ago, clock } from './format';
import type { Summary } from './model';
import { Field, Trouble } from './parts';
import {
  GUEST_ROLES,
  invite,
  linkOf,
  listMembers,
  removeMember,
  setRole,
  type GuestRole,
  type Member,
} from './sharing';

/** What can be chosen as the end of an access, in seconds from now; null: a time of one's own. */
const ENDS: Readonly<Record<string, readonly [text: string, seconds: number | null]>> = {
  never: ['Until I remove it', 0],
  day: ['For a day', 86_400],
  week: ['For a week', 7 * 86_400],
  month: ['For 30 days', 30 * 86_400],
  time: ['Until a time…', null],
};

interface ShareProps {
  recipe: Pick<Summary, 'id' | 'title'>;
  closed: () => void;
}

export function Share({ recipe: { id, title }, closed }: ShareProps): ReactElement {
  const [members, setMembers] = useState<readonly Member[] | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const load = useCallback(async () => setMembers(await listMembers(id)), [id]);

  /** Does it, shows how it is then, and says so. */
  const run = useCallback(
    async (act: () => Promise<unknown>, done = '') => {
      setFault(null);
      setSaid('');
      try {
        await act();
        setSaid(done);
        await load();
      } catch (why) {
        if (why instanceof Refused && why.field === 'email') throw why;
        setFault(why instanceof Refused ? why.message : String(why));
        // What could not be changed is shown as it is.
        setMembers((known) => known && [...known]);
      }
    },
    [load],
  );
  useEffect(() => void run(async () => {}), [run]);

  return (
    <Dialog
      title={
        <>
          Share “<bdi>{title}</bdi>”
        </>
      }
      closed={closed}
    >
      {fault !== null && <Trouble text={fault} />}
      <Invite recipe={id} run={run} />
      <p className="hint" role="status">
        {said}
      </p>
      <People recipe={id} members={members} run={run} />
    </Dialog>
  );
}

type Run = (act: () => Promise<unknown>, done?: string) => Promise<void>;

interface Wanted {
  readonly role: GuestRole;
  /** One of `ENDS`, and the time that was entered. */
  readonly end: string;
  readonly time: string;
  readonly email: string | null;
}

interface Wrong {
  readonly field: 'email' | 'time';
  readonly text: string;
}

function useInvite(recipe: string, run: Run) {
  const [problem, setProblem] = useState<Wrong | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const wrong = (field: Wrong['field'], text: string) => setProblem({ field, text });
  /** Email null: by a link. `sent` is called as soon as the address is invited. */
  const send = async ({ role, end, time, email }: Wanted, sent = () => {}) => {
    if (isBusy) return;
    setProblem(null);
    setLink(null);
    const seconds = ENDS[end]?.[1] ?? Math.round((Date.parse(time) - Date.now()) / 1_000);
    if (!(seconds >= 0) || (end === 'time' && seconds < 60)) {
      return wrong('time', 'Choose a time that is yet to come.');
    }
    if (email === '') return wrong('email', 'Enter an email address.');
    setIsBusy(true);
    const member = {
      role,
      ...(email !== null && { email }),
      ...(seconds > 0 && { valid_seconds: seconds }),
    };
    const done = email === null ? 'The link is ready.' : `${email} is invited.`;
    try {
      await run(async () => {
        const code = await invite(recipe, member);
        if (code === undefined) sent();
        else setLink(linkOf(code));
      }, done);
    } catch (fault) {
      wrong('email', fault instanceof Refused ? fault.message : String(fault));
    }
    setIsBusy(false);
  };
  return { problem, link, isBusy, send };
}

function Invite({ recipe, run }: { recipe: string; run: Run }): ReactElement {
  const [role, setNewRole] = useState<GuestRole>('reader');
  const [end, setEnd] = useState('never');
  const [time, setTime] = useState('');
  const [email, setEmail] = useState('');
  const { problem, link, isBusy, send } = useInvite(recipe, run);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problem]);
  const problemOf = (field: Wrong['field']) => (problem?.field === field ? problem.text : null);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void send({ role, end, time, email: email.trim() }, () => setEmail(''));
  };

  return (
    <form ref={form} className="invite" onSubmit={submit} noValidate>
      <div className="invite-what">
        <div className="field">
          <label htmlFor="invite-role">They may</label>
          <RoleSelect id="invite-role" role={role} set={setNewRole} />
        </div>
        <div className="field">
          <label htmlFor="invite-end">How long</label>
          <select id="invite-end" value={end} onChange={(event) => setEnd(event.target.value)}>
            {Object.entries(ENDS).map(([name, [text]]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </div>
      </div>
      {end === 'time' && (
        <Field
          id="invite-time"
          label="The access ends"
          type="datetime-local"
          value={time}
          onChange={(event) => setTime(event.target.value)}
          problem={problemOf('time')}
        />
      )}
      <Field
        id="invite-email"
        label="Email address"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        hint="No mail is sent: tell them. Whoever signs in with this address finds the recipe."
        problem={problemOf('email')}
      />
      <div className="invite-ways">
        <button type="submit" className="button" aria-disabled={isBusy}>
          Invite
        </button>
        <button
          type="button"
          className="quiet edged"
          aria-disabled={isBusy}
          onClick={() => void send({ role, end, time, email: null })}
        >
          Make a link instead
        </button>
      </div>
      {link !== null && <Made link={link} />}
    </form>
  );
}

interface RoleSelectProps {
  role: GuestRole;
  set: (role: GuestRole) => void;
  id?: string;
  label?: string;
}

function RoleSelect({ role, set, id, label }: RoleSelectProps): ReactElement {
  return (
    <select
      id={id}
      aria-label={label}
      value={role}
      onChange={(event) => set(event.target.value === 'editor' ? 'editor' : 'reader')}
    >
      {Object.entries(GUEST_ROLES).map(([name, text]) => (
        <option key={name} value={name}>
          {text}
        </option>
      ))}
    </select>
  );
}

/** A new link, which cannot be shown again. */
function Made({ link }: { link: string }): ReactElement {
  const [said, setSaid] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setSaid(''), [link]);
  const copy = () => {
    input.current?.select();
    // Without HTTPS, the browser has no clipboard for pages.
    const copied = navigator.clipboard?.writeText(link) ?? Promise.reject();
    copied.then(
      () => setSaid('The link is copied.'),
      () => setSaid('It could not be copied: it is selected, so that you can.'),
    );
  };
  return (
    <div className="made">
      <div className="field">
        <label htmlFor="made-link">The link</label>
        <input id="made-link" ref={input} value={link} readOnly dir="ltr" />
      </div>
      <button type="button" className="button" onClick={copy}>
        Copy
      </button>
      <p className="hint">
        One person can use it, once. It is shown only now. <span role="status">{said}</span>
      </p>
    </div>
  );
}

function nameOf({ email, user_id, created_at }: Member): string {
  if (email !== null) return email;
  return user_id === null ? `Unused link, made ${ago(created_at)}` : 'A user of another service';
}

interface PeopleProps {
  recipe: string;
  members: readonly Member[] | null;
  run: Run;
}

function People({ recipe, members, run }: PeopleProps): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null);
  const remove = (member: Member) => {
    const text = `${nameOf(member)} has no access any more.`;
    void run(() => removeMember(recipe, member.id), text);
    // Its button goes.
    heading.current?.focus();
  };
  return (
    <section className="people-list" aria-labelledby="people-title">
      <h3 id="people-title" ref={heading} tabIndex={-1}>
        Who has access
      </h3>
      <p className="hint">{members === null ? 'Loading…' : members.length === 0 && 'Only you.'}</p>
      <ul>
        {members?.map((member) => (
          <li key={member.id}>
            <span className="person">
              <b>
                <bdi>{nameOf(member)}</bdi>
              </b>
              {member.expires_at !== null && <> until {clock(Date.parse(member.expires_at))[1]}</>}
            </span>
            <RoleSelect
              label={`What ${nameOf(member)} may do`}
              role={member.role}
              set={(role) => void run(() => setRole(recipe, member.id, role), 'It is changed.')}
            />
            <button
              type="button"
              className="quiet small"
              aria-label={`Remove ${nameOf(member)}`}
              onClick={() => remove(member)}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
