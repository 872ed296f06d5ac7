// One at a time, in all tabs of an origin.

/** A claim that nobody contradicts for so long is a lock: time for a busy tab to answer. */
const CLAIM_MS = 250;
/** A holder that is gone says nothing: then the claim is made anew. */
const RECLAIM_MS = 1_000;

/**
 * Runs `work` while no other tab runs its own under this name.
 *
 * Web Locks where there are some: browsers have them on pages with TLS and on localhost, and free
 * them when a tab dies. Elsewhere tabs ask each other over a `BroadcastChannel`. That needs neither
 * a clock that all share nor anything to clean up, as a lock in `localStorage` would: a holder
 * contradicts claims while it lives, and a dead one does not. Where there is neither, there are no
 * tabs, and `work` is simply run.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  let isRunning = false;
  const run = () => {
    isRunning = true;
    return work();
  };
  if (locks !== undefined) {
    try {
      return await locks.request(name, run);
    } catch (fault) {
      // Pages in a sandbox have Web Locks, but may not use them.
      if (isRunning) throw fault;
    }
  }
  if (typeof BroadcastChannel === 'undefined') return work();
  return withChannelLock(new BroadcastChannel(name), work);
}

type Say = { claim: number } | { denied: number } | { free: true };

async function withChannelLock<T>(channel: BroadcastChannel, work: () => Promise<T>): Promise<T> {
  const mine = Math.random();
  let stage: 'waiting' | 'claiming' | 'holding' = 'waiting';
  let wake = () => {};
  const say = (message: Say) => channel.postMessage(message);
  channel.onmessage = ({ data }: MessageEvent<Say>) => {
    if ('free' in data) wake();
    else if ('denied' in data) {
      if (data.denied === mine && stage === 'claiming') stage = 'waiting';
    }
    // A holder has won already. Of two claims the lower wins, whichever tab hears of the other.
    else if (stage === 'holding' || (stage === 'claiming' && mine < data.claim)) {
      say({ denied: data.claim });
    } else stage = 'waiting';
  };
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, ms);
    });
  const hasWon = () => stage === 'claiming';
  try {
    for (;;) {
      stage = 'claiming';
      say({ claim: mine });
      await new Promise((resolve) => setTimeout(resolve, CLAIM_MS));
      if (hasWon()) break;
      await wait(RECLAIM_MS);
    }
    stage = 'holding';
    return await work();
  } finally {
    say({ free: true });
    channel.close();
  }
}
