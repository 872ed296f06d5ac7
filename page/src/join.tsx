// Where the link of an invitation leads: whoever is signed in is let in.

import { useEffect, useState, useSyncExternalStore, type ReactElement } from 'react';

import { Refused } from './api';
import { useArrival, useTitle } from './hooks';
import { Trouble } from './parts';
import { Link, replace } from './router';
import { join } from './sharing';

const onHash = (changed: () => void) => {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
};

export function Join(): ReactElement {
  const code = useSyncExternalStore(onHash, () => location.hash.slice(1));
  const [refusal, setRefusal] = useState<Refused | null>(null);
  const [attempts, setAttempts] = useState(0);
  useTitle('Invitation');
  const heading = useArrival();
  useEffect(() => {
    let isThere = true;
    setRefusal(null);
    join(code).then(
      ({ recipe_id }) => isThere && replace(`/recipes/${recipe_id}`),
      (fault) =>
        isThere &&
        setRefusal(fault instanceof Refused ? fault : new Refused('internal', String(fault))),
    );
    return () => void (isThere = false);
  }, [code, attempts]);
  const isInvalid = refusal?.code === 'invalid_invitation' || refusal?.code === 'invalid_field';
  return (
    <div className="empty">
      <h1 ref={heading} tabIndex={-1}>
        {isInvalid ? 'This link does not work any more' : 'You are invited to a recipe'}
      </h1>
      <p role="status">
        {refusal === null && 'One moment…'}
        {isInvalid &&
          'It can be used once, and may have ended or been removed. If you have used it, the recipe' +
            ' is in your list. Otherwise ask for a new one.'}
      </p>
      {refusal !== null && !isInvalid && (
        <Trouble text={refusal.message}>
          <button type="button" className="button" onClick={() => setAttempts(attempts + 1)}>
            Try again
          </button>
        </Trouble>
      )}
      {isInvalid && (
        <Link className="button" href="/">
          All recipes
        </Link>
      )}
    </div>
  );
}
