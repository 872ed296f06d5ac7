// A window over the page. The browser keeps the focus in it, and gives it back.

import { useEffect, useId, useRef, type ReactElement, type ReactNode } from 'react';
import { createPortal } from 'react-dom';

import { Icon } from './icons';

interface DialogProps {
  title: ReactNode;
  /** It is closed: by its button, or by Escape. */
  closed: () => void;
  children: ReactNode;
}

export function Dialog({ title, closed, children }: DialogProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);
  return createPortal(
    <dialog ref={dialog} className="dialog" aria-labelledby={id} onClose={closed}>
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <button
          type="button"
          className="dots"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>,
    document.body,
  );
}
