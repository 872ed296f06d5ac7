// Where in the room's messages this client stands, so that the next socket goes on from there.

import type { RecipeUpdate, ServerChatMessage } from './messages.js';
import type { ResumedEvent } from './types.js';

export class Position {
  #last: string | undefined;

  /** For the `auth`. */
  get request(): { position?: string } {
    return this.#last === undefined ? {} : { position: this.#last };
  }

  /** A message came. What it says about a return, if it is the acknowledgement of one. */
  follow({ payload }: ServerChatMessage | RecipeUpdate): ResumedEvent | null {
    const before = this.#last;
    const { session, resumed, missed = 0 } = payload as RecipeUpdate['payload'];
    this.#last = payload.position ?? session?.resume?.position ?? before;
    return resumed === undefined || before === undefined ? null : { resumed, missed };
  }
}
