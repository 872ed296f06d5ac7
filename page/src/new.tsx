// A new recipe: from pasted text, or empty.

import { useMemo, useState, type FormEvent, type ReactElement } from 'react';

import { createRecipe, Refused } from './api';
import { Cut, cut, type TextLimit } from './cut';
import { useArrival, useTitle } from './hooks';
import { Field, Trouble } from './parts';
import { importRecipe } from './recipes';
import { go, Link } from './router';

const UNNAMED = 'New recipe';
/** A chat message has at most 16,384 characters, and a few of them are ours. Longer texts are imported. */
const MAX_SAID = 16_000;
/** Of a body of 64 KiB, which is what a server takes that is not configured otherwise. */
const LIMIT: TextLimit = { chars: Infinity, bytes: 65_500 };

const firstMessages = new Map<string, string>();

/** What the chat of a new recipe begins with; given out once. */
export function takeFirstMessage(id: string): string | null {
  const message = firstMessages.get(id) ?? null;
  firstMessages.delete(id);
  return message;
}

function textOf({ field, message }: Refused, isPasted: boolean): string {
  if (!isPasted || field === null) return message;
  if (field === 'title') return 'No title was found. Put a short one in a line at the top.';
  return `It cannot be read as a recipe: ${field}: ${message}`;
}

export function New(): ReactElement {
  const [pasted, setPasted] = useState('');
  const [refusal, setRefusal] = useState<Refused | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  useTitle('New recipe');

  const create = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy || rest !== '') return;
    const title = String(new FormData(event.currentTarget).get('title')).trim();
    setRefusal(null);
    setIsBusy(true);
    try {
      go(`/recipes/${await make(title)}`);
    } catch (fault) {
      setRefusal(fault instanceof Refused ? fault : new Refused('internal', String(fault)));
      setIsBusy(false);
    }
  };
  /** The id of the new recipe. */
  const make = async (title: string) => {
    const text = pasted.trim();
    if (text.length > MAX_SAID) return (await importRecipe(text)).id;
    const { id } = await createRecipe(title === '' ? UNNAMED : title);
    if (text !== '') firstMessages.set(id, `Extract recipe from: ${text}`);
    return id;
  };
  const [kept, rest] = useMemo(() => cut(pasted.trim(), LIMIT), [pasted]);
  const isPasted = pasted.trim() !== '';
  const isTitle = refusal?.field === 'title' && !isPasted;

  return (
    <div className="new">
      <h1 ref={useArrival()} tabIndex={-1}>
        New recipe
      </h1>
      {refusal !== null && !isTitle && <Trouble text={textOf(refusal, isPasted)} />}
      <form onSubmit={create} noValidate>
        <div className="field">
          <label htmlFor="pasted">
            Paste a recipe <span className="optional">(optional)</span>
          </label>
          <textarea
            id="pasted"
            rows={12}
            value={pasted}
            dir="auto"
            aria-invalid={rest !== ''}
            aria-describedby={rest === '' ? 'pasted-hint' : 'pasted-cut'}
            placeholder={'Pancakes\nServes 4\n\n200 g flour\n2 eggs\n300 ml milk\n\n1. Whisk …'}
            onChange={(event) => setPasted(event.target.value)}
          />
          {rest !== '' && (
            <Cut id="pasted-cut" rest={rest} label="Cut it" act={() => setPasted(kept)} />
          )}
          <p className="hint" id="pasted-hint">
            From a page, a message or a note: title, ingredients and steps are found in it.
          </p>
        </div>
        {!isPasted && (
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
        {isPasted && <input type="hidden" name="title" value="" />}
        <div className="actions">
          <button type="submit" className="button" aria-disabled={isBusy || rest !== ''}>
            {isBusy ? 'One moment…' : isPasted ? 'Read this recipe' : 'Start empty'}
          </button>
          <Link className="quiet" href="/">
            Cancel
          </Link>
        </div>
      </form>
    </div>
  );
}
