// The built client against a real server, in real time: node scripts/live.js PATH-TO-VESTIBULE
import assert from 'node:assert/strict';
import { ChatConnection } from '../dist/index.js';
import { textKey } from '../dist/texts.js';
import { PATIENCE_MS, Server } from './server.js';

// Tokens of a few seconds end when they say.
process.env.VESTIBULE_AUTH__LEEWAY = '0s';
const server = new Server(process.argv[2]);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const open = [];

function chat(options, recipeId = 'soup') {
  const connection = new ChatConnection({ url: server.url, recipeId, ...options });
  const states = [];
  connection.on('state', (status) => {
    states.push(textKey(status));
    assert.equal(connection.state, status.state);
  });
  open.push(connection);
  connection.connect();
  return { connection, states };
}

/** Until this is the newest state, and the `count`th of its name. */
async function reach({ states, connection }, text, count = 1) {
  const isThere = () =>
    states.at(-1) === text && states.filter((state) => state === text).length >= count;
  for (let ms = 0; !isThere(); ms += 10) {
    const { close } = connection.status;
    const why = `${states} and not ${text}: ${JSON.stringify(close)}`;
    if (ms > PATIENCE_MS) throw new Error(why);
    await sleep(10);
  }
}

const SCENES = {
  'answers, and what others say, reach a room': async () => {
    const alice = chat({ getToken: () => server.token('alice') });
    const bob = chat({ getToken: () => server.token('bob') });
    const heard = new Promise((resolve) => {
      bob.connection.on('message', (said) => said.type === 'chat_message' && resolve(said));
    });
    await Promise.all([reach(alice, 'authenticated'), reach(bob, 'authenticated')]);
    const reply = await alice.connection.send('Scale to 8 servings');
    assert.match(reply.payload.content, /Noted/);
    const { payload } = await heard;
    assert.equal(payload.content, 'Scale to 8 servings');
    assert.equal(payload.user_id, 'alice');
    assert.equal(alice.connection.session.user_id, 'alice');
  },

  'what was said while a client was away is heard once when it is back': async () => {
    const alice = chat({ getToken: () => server.token('alice') }, 'stew');
    const bob = chat({ getToken: () => server.token('bob') }, 'stew');
    const heard = [];
    bob.connection.on('message', ({ type, payload }) => {
      if (type === 'chat_message') heard.push(payload.content);
    });
    const resumed = new Promise((resolve) => bob.connection.on('resumed', resolve));
    await Promise.all([reach(alice, 'authenticated'), reach(bob, 'authenticated')]);
    await alice.connection.send('one');
    for (let ms = 0; heard.length < 1 && ms < PATIENCE_MS; ms += 10) await sleep(10);
    bob.connection.close();
    await alice.connection.send('two');
    await alice.connection.send('three');
    bob.connection.connect();
    assert.deepEqual(await resumed, { resumed: true, missed: 2 });
    await alice.connection.send('four');
    for (let ms = 0; heard.length < 4 && ms < PATIENCE_MS; ms += 10) await sleep(10);
    assert.deepEqual(heard, ['one', 'two', 'three', 'four']);
  },

  'a token that runs out is replaced on the live connection, and chat goes on': async () => {
    const it = chat({
      getToken: () => server.token('carol', '12s'),
      refreshToken: async () => server.token('carol', '12s'),
    });
    await reach(it, 'authenticated', 3);
    await it.connection.send('Still here');
    const round = ['reauthenticating', 'authenticated'];
    assert.deepEqual(it.states.slice(-5), ['authenticated', ...round, ...round]);
  },

  'without a fresh token in time it is closed, refreshes, and comes back': async () => {
    let isSlow = true;
    const refreshToken = async () => {
      if (isSlow) await sleep(8_000);
      isSlow = false;
      return server.token('dave');
    };
    const it = chat({ getToken: () => server.token('dave', '12s'), refreshToken });
    await reach(it, 'refreshing');
    assert.deepEqual(it.connection.status.close, {
      code: 1008,
      reason: 'Re-authentication timeout',
    });
    await reach(it, 'authenticated', 2);
  },

  'a token that is expired at the start is refreshed first': async () => {
    const expired = server.token('erin', '1s');
    await sleep(2_000);
    const refreshToken = async () => server.token('erin');
    const it = chat({ getToken: () => expired, refreshToken });
    await reach(it, 'authenticated');
    const [, , text] = it.states;
    assert.equal(text, 'refreshing');
  },

  'a forged token ends it, after one refresh': async () => {
    const refreshToken = async () => `${server.token('mallory', '60s')}x`;
    const it = chat({ getToken: () => `${server.token('mallory')}x`, refreshToken });
    await reach(it, 'auth_failed');
    await assert.rejects(it.connection.send('Hello'), { code: 'closed' });
  },

  'over the rate, a message is refused and told how long to wait': async () => {
    const it = chat({ getToken: () => server.token('frank') }, 'stew');
    const replies = Array.from({ length: 32 }, (_, n) => it.connection.send(`${n}`));
    const settled = await Promise.allSettled(replies);
    const refused = settled.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 2);
    for (const { reason } of refused) {
      assert.equal(reason.code, 'rate_limited');
      assert.ok(reason.retryAfterMs > 0);
    }
  },

  'a server that is killed and comes back is found again, and nothing is lost': async () => {
    const it = chat({ getToken: () => server.token('grace') });
    await reach(it, 'authenticated');
    await server.stop('SIGKILL');
    await reach(it, 'reconnecting');
    const reply = it.connection.send('Said while it was away');
    await sleep(1_000);
    await server.start();
    assert.match((await reply).payload.content, /Noted/);
  },

  'a server that stands still is found by pings, and one that does not is left alone': async () => {
    const it = chat({ getToken: () => server.token('ivan'), pingIntervalMs: 2_000 });
    await reach(it, 'authenticated');
    await sleep(5_000);
    assert.equal(it.connection.state, 'authenticated');
    server.signal('SIGSTOP');
    await reach(it, 'no_answer');
    server.signal('SIGCONT');
    await reach(it, 'authenticated', 2);
  },

  'a server that drains says so': async () => {
    const it = chat({ getToken: () => server.token('heidi') });
    await reach(it, 'authenticated');
    const ended = server.stop('SIGTERM');
    await reach(it, 'restarting');
    it.connection.close();
    await ended;
  },
};

try {
  await server.start();
  for (const [name, play] of Object.entries(SCENES)) {
    await play();
    for (const connection of open.splice(0)) connection.close();
    console.log(`live: ${name}`);
  }
} finally {
  server.remove();
}
process.exit(0);
