// Where in the room's messages this client stands, so that the next socket goes on from there, and
// what the server need not do again then.

import type { RecipeUpdate, ResumeRequest, ServerChatMessage } from './messages.js';
import type { ResumedEvent } from './types.js';

export class Position {
  #last: string | undefined;
  #memo: string | undefined;

  /** For the `auth`. */
  get request(): ResumeRequest {
    return { memo: this.#memo, position: this.#last } as ResumeRequest;
  }

  /** A message came. What it says about a return, if it is the acknowledgement of one. */
  follow({ payload }: ServerChatMessage | RecipeUpdate): ResumedEvent | null {
    const before = this.#last;
    const { session, resumed, missed = 0 } = payload as RecipeUpdate['payload'];
    const resume = session?.resume;
    this.#memo = resume?.memo ?? this.#memo;
    this.#last = payload.position ?? resume?.position ?? before;
    return resumed === undefined || before === undefined ? null : { resumed, missed };
  }
}
