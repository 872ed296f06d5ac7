// Typed events. A listener that throws disturbs neither the connection nor other listeners.

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
    for (const listener of Array.from(this.#listeners.get(name) ?? [])) {
      try {
        listener(event as never);
      } catch (fault) {
        // It becomes an uncaught error of its own, where its author looks for it.
        queueMicrotask(() => {
          throw fault;
        });
      }
    }
  }
}
