// A new recipe: from pasted text, or empty.

import { useState, type FormEvent, type ReactElement } from 'react';

import { createRecipe, Refused } from './api';
import { useArrival, useTitle } from './hooks';
import { Field, Trouble } from './parts';
import { go, Link } from './router';

const UNNAMED = 'New recipe';
/** A chat message has at most 16,384 characters, and a few of them are ours. */
const MAX_PASTED = 16_000;

const firstMessages = new Map<string, string>();

/** What the chat of a new recipe begins with; given out once. */
export function takeFirstMessage(id: string): string | null {
  const message = firstMessages.get(id) ?? null;
  firstMessages.delete(id);
  return message;
}

export function New(): ReactElement {
  const [pasted, setPasted] = useState('');
  const [refusal, setRefusal] = useState<Refused | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  useTitle('New recipe');

  const create = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    const title = String(new FormData(event.currentTarget).get('title')).trim();
    setRefusal(null);
    setIsBusy(true);
    try {
      const { id } = await createRecipe(title === '' ? UNNAMED : title);
      const text = pasted.trim();
      if (text !== '') firstMessages.set(id, `Extract recipe from: ${text}`);
      go(`/recipes/${id}`);
    } catch (fault) {
      setRefusal(fault instanceof Refused ? fault : new Refused('internal', String(fault)));
      setIsBusy(false);
    }
  };
  const isTitle = refusal?.field === 'title';

  return (
    <div className="new">
      <h1 ref={useArrival()} tabIndex={-1}>
        New recipe
      </h1>
      {refusal !== null && !isTitle && <Trouble text={refusal.message} />}
      <form onSubmit={create} noValidate>
        <div className="field">
          <label htmlFor="pasted">
            Paste a recipe <span className="optional">(optional)</span>
          </label>
          <textarea
            id="pasted"
            rows={12}
            value={pasted}
            maxLength={MAX_PASTED}
            aria-describedby="pasted-hint"
            placeholder={'Pancakes\nServes 4\n\n200 g flour\n2 eggs\n300 ml milk\n\n1. Whisk …'}
            onChange={(event) => setPasted(event.target.value)}
          />
          <p className="hint" id="pasted-hint">
            From a page, a message or a note: title, ingredients and steps are found in it.
          </p>
        </div>
        {pasted.trim() === '' && (
          <Field
            id="title"
            name="title"
            label="Or begin with a name"
            placeholder={UNNAMED}
            maxLength={200}
            autoComplete="off"
            problem={isTitle ? refusal.message : null}
          />
        )}
        {pasted.trim() !== '' && <input type="hidden" name="title" value="" />}
        <div className="actions">
          <button type="submit" className="button" aria-disabled={isBusy}>
            {isBusy ? 'One moment…' : pasted.trim() === '' ? 'Start empty' : 'Read this recipe'}
          </button>
          <Link className="quiet" href="/">
            Cancel
          </Link>
        </div>
      </form>
    </div>
  );
}
