// In place of a line: its text, to be changed.

import { useEffect, useId, useRef, useState, type FormEvent, type ReactElement } from 'react';

import { Refused } from './api';
import { isComposing } from './keys';
import { saveLine, standing, type Edited, type Standing } from './lines';
import type { Recipe } from './model';
import { Problem } from './parts';

export interface LineFormProps {
  recipe: Recipe;
  edited: Edited;
  /** How many lines there were. */
  length: number;
  /** The server has this one now. */
  took: (recipe: Recipe) => void;
  done: () => void;
}

function conflict(now: Standing): string | null {
  switch (now.is) {
    case 'same':
      return null;
    case 'changed':
      return `Somebody changed this line meanwhile. It is “${now.now}” now; saving replaces that.`;
    case 'gone':
      return 'Somebody removed this line meanwhile. Saving puts it back.';
  }
}

export function LineForm({ recipe, edited, length, took, done }: LineFormProps): ReactElement {
  const [text, setText] = useState(edited.text);
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const input = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const now = standing(recipe, edited, length);
  const problem = fault ?? conflict(now);
  useEffect(() => {
    input.current?.focus();
    input.current?.setSelectionRange(edited.text.length, edited.text.length);
  }, [edited]);

  const save = async (event?: FormEvent) => {
    event?.preventDefault();
    // A line has no breaks.
    const line = text.replace(/\s+/g, ' ').trim();
    if (isBusy) return;
    if (line === '') return setFault('Enter a text.');
    if (line === edited.text && now.is === 'same') return done();
    setIsBusy(true);
    setFault(null);
    try {
      const [stored, isSaved] = await saveLine(recipe.id, edited, length, now, line);
      took(stored);
      if (isSaved) return done();
    } catch (why) {
      setFault(why instanceof Refused ? why.message : String(why));
    }
    setIsBusy(false);
    input.current?.focus();
  };

  return (
    <form className="line-form" onSubmit={save} noValidate>
      <label className="unseen" htmlFor={id}>
        {edited.list === 'steps' ? 'Step' : 'Ingredient'}
      </label>
      <textarea
        id={id}
        ref={input}
        rows={edited.list === 'steps' ? 3 : 1}
        dir="auto"
        value={text}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        onChange={(event) => {
          setText(event.target.value);
          setFault(null);
        }}
        onKeyDown={(event) => {
          if (isComposing(event)) return;
          if (event.key === 'Escape') done();
          if (event.key !== 'Enter' || event.shiftKey) return;
          event.preventDefault();
          void save();
        }}
      />
      <div role="alert">{problem !== null && <Problem id={`${id}-problem`}>{problem}</Problem>}</div>
      <div className="rename-actions">
        <button type="submit" className="button small" aria-disabled={isBusy}>
          {isBusy ? 'Saving…' : 'Save'}
        </button>
        <button type="button" className="quiet small" onClick={done}>
          Cancel
        </button>
      </div>
    </form>
  );
}
