// The assistant's texts: paragraphs, lists of `- `, and `what one can say`. Never HTML.

import { Fragment, type ReactElement } from 'react';

interface RichProps {
  text: string;
  /** Takes up something that one can say. */
  use: (text: string) => void;
}

export function Rich({ text, use }: RichProps): ReactElement {
  return (
    <>
      {blocksOf(text).map((block, n) =>
        typeof block === 'string' ? (
          <p key={n} dir="auto">
            <Words text={block} use={use} />
          </p>
        ) : (
          <ul key={n}>
            {block.map((item, m) => (
              <li key={m} dir="auto">
                <Words text={item.replaceAll('`, `', '``')} use={use} />
              </li>
            ))}
          </ul>
        ),
      )}
    </>
  );
}

/** A text is a paragraph, an array is a list. */
function blocksOf(text: string): readonly (string | string[])[] {
  const blocks: (string | string[])[] = [];
  for (const line of text.split('\n')) {
    const last = blocks.at(-1);
    if (!line.startsWith('- ')) {
      if (line.trim() !== '') blocks.push(line);
    } else if (Array.isArray(last)) last.push(line.slice(2));
    else blocks.push([line.slice(2)]);
  }
  return blocks;
}

function Words({ text, use }: RichProps): ReactElement {
  // Every second piece was between backticks.
  return (
    <>
      {text.split('`').map((piece, n) =>
        n % 2 === 0 ? (
          <Fragment key={n}>{piece}</Fragment>
        ) : (
          <button key={n} type="button" className="sayable" onClick={() => use(blank(piece))}>
            {piece}
          </button>
        ),
      )}
    </>
  );
}

/** `<pasted text>` is for the user to fill in. */
const blank = (text: string) => text.replace(/<[^>]*>$/, '');
