// Pictures: strokes in the colour of the text around them. They say nothing that words do not.

import type { ReactElement } from 'react';

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  dots: 'M5 12h.01M12 12h.01M19 12h.01',
  down: 'M12 5v14M6 13l6 6 6-6',
  send: 'M12 19V5M6 11l6-6 6 6',
  close: 'M6 6l12 12M18 6L6 18',
  pen: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7.5v5l3 2',
  talk: 'M5 5h14v10H11l-4 4v-4H5zM9 9h6M9 11.5h4',
  plate: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7',
  alert: 'M12 8v5M12 16.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  offline: 'M3 3l18 18M8.5 16.5a5 5 0 0 1 7 0M5 12.5a10 10 0 0 1 4-2.3M19 12.5a10 10 0 0 0-5-2.6M12 20v.01',
  paste: 'M9 4h6v3H9zM9 5.5H6.5V20h11V5.5H15M9.5 11.5h5M9.5 15.5h5',
  pot: 'M5 10h14v6a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4zM3 12h2M19 12h2M9 7c0-1.5 1-1.5 1-3M14 7c0-1.5 1-1.5 1-3',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** An arch, and a fork in it. */
export function Mark(): ReactElement {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" />
      <path d="M9 24V14a7 7 0 0 1 14 0v10" strokeWidth="2.6" />
      <path d="M16 24v-7.5M13.6 13.5v3h4.8v-3M16 16.5v-3" strokeWidth="1.7" />
    </svg>
  );
}
