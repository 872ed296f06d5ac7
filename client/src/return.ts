// How the next socket comes back: from where in the room's messages it goes on, what the server
// need not do again then, and when to come.

import { monotonicMs } from './clock.js';
import type {
  GoingAwayPayload, RecipeUpdate, ResumeRequest, ServerChatMessage,
} from './messages.js';
import type { ResumedEvent } from './types.js';

/** From less, the back-off would not grow: twice nothing is nothing. */
const LEAST_MS = 1_000;

export class Return {
  #position: string | undefined;
  #memo: string | undefined;
  /** When the server has asked this client to come back; 0: it has not. */
  #at = 0;
  /** Within how long to come back without such a moment, or after it: as the server said last. */
  withinMs = LEAST_MS;

  /** For the `auth`. */
  get request(): ResumeRequest {
    return { memo: this.#memo, position: this.#position } as ResumeRequest;
  }

  /** A message came. What it says about a return, if it is the acknowledgement of one. */
  follow({ payload }: ServerChatMessage | RecipeUpdate): ResumedEvent | null {
    const before = this.#position;
    const { session, resumed, missed = 0 } = payload as RecipeUpdate['payload'];
    if (session) this.withinMs = Math.max(LEAST_MS, session.reconnect?.within_ms ?? 0);
    this.#memo = session?.resume?.memo ?? this.#memo;
    this.#position = payload.position ?? session?.resume?.position ?? before;
    return resumed === undefined || before === undefined ? null : { resumed, missed };
  }

  /** The server goes away. */
  expect({ reconnect_after_ms, within_ms = this.withinMs }: GoingAwayPayload): void {
    this.#at = monotonicMs() + reconnect_after_ms;
    this.withinMs = Math.max(LEAST_MS, within_ms);
  }

  /**
   * In how long the moment comes, which is for one attempt; the back-off begins after it. 0: there
   * is none, or it has passed.
   */
  takeWaitMs(): number {
    const leftMs = Math.max(0, this.#at - monotonicMs());
    this.#at = 0;
    return leftMs;
  }
}
