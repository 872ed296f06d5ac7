// Small pieces that several screens have.

import type { InputHTMLAttributes, ReactElement, ReactNode } from 'react';

import { Icon } from './icons';

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  id: string;
  label: string;
  hint?: string;
  /** null: nothing is wrong. */
  problem: string | null;
  /** Beside the input. */
  children?: ReactNode;
}

/** A label, an input, and what is wrong with it, told where a screen reader looks for it. */
export function Field({ label, hint, problem, children, ...input }: FieldProps): ReactElement {
  const { id } = input;
  const about = [problem !== null && `${id}-problem`, hint !== undefined && `${id}-hint`];
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="input">
        <input
          {...input}
          aria-invalid={problem !== null}
          aria-describedby={about.filter(Boolean).join(' ') || undefined}
        />
        {children}
      </div>
      {problem !== null && <Problem id={`${id}-problem`}>{problem}</Problem>}
      {hint !== undefined && problem === null && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Problem({ id, children }: { id?: string; children: ReactNode }): ReactElement {
  return (
    <p className="problem" id={id}>
      <Icon name="alert" />
      <span>{children}</span>
    </p>
  );
}

/** Something went wrong, and a way on. */
export function Trouble({ text, children }: { text: string; children?: ReactNode }): ReactElement {
  return (
    <div className="trouble" role="alert">
      <Problem>{text}</Problem>
      {children}
    </div>
  );
}
