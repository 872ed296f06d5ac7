// Above the input: what one can say.

import { useState, type ReactElement } from 'react';

import type { Recipe } from './model';

interface SuggestionsProps {
  recipe: Recipe | null;
  draft: string;
  say: (text: string) => void;
  write: (text: string) => void;
}

/** Something that one can say: at once, or after completing it. */
type Suggestion = readonly [label: string, text: string, isWhole: boolean];

const PASTE: Suggestion = ['Paste a recipe', 'Extract recipe from: ', false];
const HELP: Suggestion = ['Help', 'Help', true];
/** They fit beside each other on a phone. The others are behind a button. */
const SHOWN = 3;

function suggestionsFor(recipe: Recipe): readonly Suggestion[] {
  if (recipe.ingredients.length === 0) {
    return [
      PASTE,
      ['Add an ingredient', 'Add ingredient ', false],
      ['Add a step', 'Add step ', false],
      ['Rename it', 'Rename to ', false],
      HELP,
    ];
  }
  const scale: Suggestion =
    recipe.yield === ''
      ? ['Set the yield', 'Set yield to 4 servings', false]
      : ['Scale to…', 'Scale to 8 servings', false];
  return [
    scale,
    ['Double it', 'Double it', true],
    ['Undo', 'Undo', true],
    ['Halve it', 'Halve it', true],
    ['Swap something', 'Replace … with …', false],
    ['Add an ingredient', 'Add ingredient ', false],
    ['Add a step', 'Add step ', false],
    HELP,
  ];
}

export function Suggestions(props: SuggestionsProps): ReactElement | null {
  const { recipe, draft, say, write } = props;
  const [isOpen, setIsOpen] = useState(false);
  if (recipe === null) return null;
  // Whoever pastes a recipe as it is, means that it is to be read.
  const isPasted =
    draft.trim().split('\n').length > 3 && !/^\s*(extract|import|parse)/i.test(draft);
  const all: readonly Suggestion[] = isPasted
    ? [['Read this as a recipe', `Extract recipe from: ${draft.trim()}`, false]]
    : suggestionsFor(recipe);
  const use = ([, text, isWhole]: Suggestion) => {
    setIsOpen(false);
    if (isWhole) say(text);
    else write(text);
  };
  return (
    <ul className="suggestions" aria-label="What you can say">
      {(isOpen ? all : all.slice(0, SHOWN)).map((one) => (
        <li key={one[0]}>
          <button type="button" onClick={() => use(one)}>
            {one[0]}
          </button>
        </li>
      ))}
      {all.length > SHOWN && (
        <li>
          <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {isOpen ? 'Less' : 'More'}
          </button>
        </li>
      )}
    </ul>
  );
}
