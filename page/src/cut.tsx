// A text that is longer than the server takes: what would be cut is shown before it is.

import type { ReactElement } from 'react';

import { Problem } from './parts';

const SHOWN_CHARS = 300;

export interface TextLimit {
  /** As the server counts characters. */
  readonly chars: number;
  /** As a string of JSON. */
  readonly bytes: number;
}

const encoder = new TextEncoder();
/** Of a UTF-16 unit, such as a control character. */
const MAX_UNIT_BYTES = 6;

/** What is within the limit, and what is not. */
export function cut(text: string, limit: TextLimit): [kept: string, rest: string] {
  const mayBeLong = text.length > limit.chars || text.length * MAX_UNIT_BYTES > limit.bytes;
  if (!mayBeLong) return [text, ''];
  let [units, chars, bytes] = [0, 0, 0];
  for (const char of text) {
    bytes += encoder.encode(JSON.stringify(char)).length - 2;
    if (++chars > limit.chars || bytes > limit.bytes) break;
    units += char.length;
  }
  return [text.slice(0, units), text.slice(units)];
}

interface CutProps {
  id: string;
  rest: string;
  /** What cuts it. */
  label: string;
  act: () => void;
}

export function Cut({ id, rest, label, act }: CutProps): ReactElement {
  const count = Array.from(rest).length.toLocaleString('en');
  const shown = rest.trim().slice(0, SHOWN_CHARS);
  return (
    <div className="cut" role="status">
      <Problem id={id}>That is {count} characters too many. This would be cut:</Problem>
      <blockquote dir="auto">
        …{shown}
        {rest.trim().length > SHOWN_CHARS && ' …'}
      </blockquote>
      <button type="button" className="quiet small edged" onClick={act}>
        {label}
      </button>
    </div>
  );
}
