// Bounded memory that may outlive a reload of its tab.

export interface ShelfOptions<Value> {
  /** The key in `sessionStorage`; null: it is in memory alone. */
  readonly key: string | null;
  readonly maxItems: number;
  /** Of all names and values as JSON, in UTF-8. */
  readonly maxBytes: number;
  /** Whether what was read from the storage is one of ours. */
  readonly isValue: (value: unknown) => value is Value;
}

/**
 * Values by name, in the order in which the names came. Over a bound the oldest go. Where
 * `sessionStorage` is denied or full, the memory is all there is.
 */
export class Shelf<Value> {
  readonly #options: ShelfOptions<Value>;
  readonly #items = new Map<string, { value: Value; bytes: number }>();
  #bytes = 0;

  constructor(options: ShelfOptions<Value>) {
    this.#options = options;
    for (const [name, value] of this.#read()) {
      if (typeof name === 'string' && options.isValue(value)) this.#put(name, value);
    }
  }

  get size(): number {
    return this.#items.size;
  }

  get(name: string): Value | undefined {
    return this.#items.get(name)?.value;
  }

  values(): Value[] {
    return Array.from(this.#items.values(), ({ value }) => value);
  }

  set(name: string, value: Value): void {
    this.#put(name, value);
    this.#write();
  }

  delete(name: string): void {
    if (this.#remove(name)) this.#write();
  }

  clear(): void {
    this.#items.clear();
    this.#bytes = 0;
    this.#write();
  }

  /** A name that is there keeps its place. */
  #put(name: string, value: Value): void {
    const bytes = new TextEncoder().encode(JSON.stringify([name, value])).length;
    const { maxItems, maxBytes } = this.#options;
    // What would be all there is is not kept.
    if (bytes > maxBytes) return void this.#remove(name);
    this.#bytes += bytes - (this.#items.get(name)?.bytes ?? 0);
    this.#items.set(name, { value, bytes });
    for (const oldest of this.#items.keys()) {
      if (this.#items.size <= maxItems && this.#bytes <= maxBytes) break;
      this.#remove(oldest);
    }
  }

  #remove(name: string): boolean {
    this.#bytes -= this.#items.get(name)?.bytes ?? 0;
    return this.#items.delete(name);
  }

  #read(): unknown[][] {
    const { key } = this.#options;
    try {
      const items: unknown = key && JSON.parse(sessionStorage.getItem(key) ?? '[]');
      return Array.isArray(items) ? items.filter(Array.isArray) : [];
    } catch {
      // No storage here, or somebody else's under our key.
      return [];
    }
  }

  #write(): void {
    const { key } = this.#options;
    if (key === null) return;
    try {
      // First: where there is no room for the new, the old must not come back.
      sessionStorage.removeItem(key);
      const items = Array.from(this.#items, ([name, { value }]) => [name, value]);
      if (items.length > 0) sessionStorage.setItem(key, JSON.stringify(items));
    } catch {
      // Denied or full.
    }
  }
}
