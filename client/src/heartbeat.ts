// Finds out by asking that a connection is dead, which no browser tells.

import { wallMs, type Timers } from './clock.js';
import { freshId } from './ids.js';
import type { Ping } from './messages.js';
import type { ChatOptions } from './types.js';

export class Heartbeat {
  readonly #timers: Timers;
  readonly #send: (ping: Ping) => void;
  readonly #lose: () => void;
  #intervalMs = 0;
  /** Of the clock that looks for silence, and for the answer to a ping. */
  #stepMs = 0;
  /** Milliseconds of silence, as far as beats have counted them. */
  #quietMs = 0;
  #id = '';

  constructor(timers: Timers, send: (ping: Ping) => void, lose: () => void) {
    this.#timers = timers;
    this.#send = send;
    this.#lose = lose;
  }

  /**
   * Begins for a new socket. A silence of `pingIntervalMs`, or of the server's own interval, is
   * followed by a ping, which is to be answered in `pongTimeoutMs`, and in any case before a second
   * interval is over: a step is at most half of one, and the silence is noticed a step late at
   * most. A server that names no interval knows no pings, and is not watched.
   */
  watch(serverMs: number | undefined, options: ChatOptions): void {
    if (serverMs === undefined) return;
    const { pingIntervalMs = serverMs || 30_000, pongTimeoutMs = 5_000 } = options;
    this.#intervalMs = Math.max(pingIntervalMs, 2_000);
    this.#stepMs = Math.min(this.#intervalMs / 2, pongTimeoutMs);
    this.#quietMs = 0;
    this.#beat();
  }

  /** Asks, unless an answer is due already, or the server does not know the question. */
  probe(): void {
    if (!this.#timers.has('beat') || this.#timers.has('pong')) return;
    this.#id = freshId('ping_');
    this.#send({ type: 'ping', id: this.#id });
    this.#expect();
  }

  /** Something came. True: it answers our ping. */
  hear(payload: object = {}): boolean {
    this.#quietMs = 0;
    const isAnswer = (payload as { request_id?: unknown }).request_id === this.#id;
    if (isAnswer) this.#timers.clear('pong');
    // It may have lain in a buffer since before the ping: that proves little, but buys time.
    else if (this.#timers.has('pong')) this.#expect();
    return isAnswer;
  }

  #expect(): void {
    this.#timers.set('pong', this.#stepMs, this.#lose);
  }

  #beat(): void {
    const stepMs = this.#stepMs;
    const dueAt = wallMs() + stepMs;
    this.#timers.set('beat', stepMs, () => {
      this.#quietMs += stepMs;
      // A timer that is late has slept with its machine.
      const hasSlept = Math.abs(wallMs() - dueAt) > stepMs;
      if (hasSlept || this.#quietMs >= this.#intervalMs) this.probe();
      this.#beat();
    });
  }
}
