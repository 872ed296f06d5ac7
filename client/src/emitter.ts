// Typed events. What an embedder's function throws disturbs neither the connection nor the others.

/** What is thrown becomes an uncaught error of its own, where its author looks for it. */
export function guard<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (fault) {
    queueMicrotask(() => {
      throw fault;
    });
    return undefined;
  }
}

/** Stops the listener. */
export type Off = () => void;

export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Off {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = Array.from(this.#listeners.get(name) ?? []);
    for (const listener of listeners) {
      guard(() => listener(event as never));
    }
    // A mistake of the embedder must not pass in silence.
    if (listeners.length === 0 && (event as { code?: unknown }).code === 'unsupported') {
      guard(() => {
        throw event;
      });
    }
  }
}
