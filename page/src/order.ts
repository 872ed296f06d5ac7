// The order and the times of what is said while one is there.

import { useRef } from 'react';
import type { Line } from '@vestibule/client/react';

import { keyOf } from './earlier';

/** Each answer stands under its question, also where another question came between. */
export function inOrder(lines: readonly Line[]): readonly Line[] {
  const exchanges: Line[][] = [];
  const asked = new Map<string, Line[]>();
  for (const line of lines) {
    const exchange = line.from === 'server' ? asked.get(line.id) : undefined;
    if (exchange !== undefined) {
      exchange.push(line);
      continue;
    }
    const begun = [line];
    exchanges.push(begun);
    if (line.from === 'me') asked.set(line.id, begun);
  }
  return exchanges.flat();
}

/** When a line came, by this device's clock. */
export function useTimes(lines: readonly Line[]): (line: Line) => number {
  const times = useRef(new Map<string, number>());
  const timeOf = (line: Line) => {
    const key = keyOf(line);
    const time = times.current.get(key) ?? Date.now();
    times.current.set(key, time);
    return time;
  };
  lines.forEach(timeOf);
  return timeOf;
}
