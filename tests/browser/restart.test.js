// A restart of the server, as two users see it who chat in one room.
import assert from 'node:assert/strict';
import { create, hold, PANCAKES, PASSWORD, release, say, scene } from './world.js';
import { status, wiretap, WITH_STATS } from './world.js';

// Tokens of accounts are signed by HMAC, which is checked each time: what a memo saves these clients is
// the question whether they may join, if that is configured.
const RETURNING = { ...WITH_STATS, RESUME__TRUST_JOIN: '5m' };

scene('a restart goes unnoticed by those who chat', RETURNING, async (world) => {
  const ann = await enter(world, 'ann@example.com', (page) => create(page, PANCAKES));
  await invite(world, ann.page, 'bob@example.com');
  const bob = await enter(world, 'bob@example.com', (page) =>
    page.getByRole('link', { name: "Grandmother's Pancakes", exact: true }).click(),
  );
  const pages = [ann.page, bob.page];
  await say(ann.page, 'note A1');
  await say(bob.page, 'note B1');
  await Promise.all([heard(bob.page, 'A1'), heard(ann.page, 'B1')]);
  await say(ann.page, 'note A2');
  await Promise.all([answered(ann, 'A2'), answered(bob, 'B1'), heard(bob.page, 'A2')]);
  await Promise.all(pages.map(recordStatus));

  // On a slow machine, the server is away for longer than it has told the pages.
  await Promise.all(pages.map(hold));
  const stoppedAt = performance.now();
  await world.stop('SIGTERM');
  await Promise.all(pages.map((page) => status(page, 'Reconnecting', 'yellow')));
  await say(bob.page, 'note B2');
  await world.start();
  const startedAt = performance.now();
  const late = await Promise.all(pages.map(countHeld));
  await release(bob.page);
  await status(bob.page, 'Connected', 'green');
  // Before Ann is back: she has missed it.
  await say(bob.page, 'note B3');
  await answered(bob, 'B3');
  await release(ann.page);
  await status(ann.page, 'Connected', 'green');
  await heard(ann.page, 'B3');
  const stoppedMs = Math.round(startedAt - stoppedAt);
  const backMs = Math.round(performance.now() - stoppedAt);
  await say(ann.page, 'note A3');
  await say(bob.page, 'note B4');
  await Promise.all([heard(bob.page, 'A3'), heard(ann.page, 'B4')]);
  await Promise.all([answered(ann, 'A3'), answered(bob, 'B4')]);

  for (const { page, tap } of [ann, bob]) await assertReturned(page, tap);
  assert.ok(acknowledged(ann.tap).at(-1).missed >= 2, 'Ann has missed B2 and B3');
  const stats = await world.stats();
  assert.deepEqual(stats.vestibule_resumes_total, { anew: 0, resumed: 2 });
  // The room's messages are in the database: it is asked about the first one who is back, and says then what
  // was said since.
  assert.deepEqual(stats.vestibule_joins_total, { asked: 1, told: 1 });
  assert.equal(stats.vestibule_refused_returns_total, 0);

  const all = { A: ['A1', 'A2', 'A3'], B: ['B1', 'B2', 'B3', 'B4'] };
  const shown = () => Promise.all(pages.map(notes));
  const expected = [{ mine: all.A, others: all.B }, { mine: all.B, others: all.A }];
  assert.deepEqual(await shown(), expected);
  console.log(`the server was away for ${stoppedMs} ms, and both were back after ${backMs} ms;`);
  console.log(`timers of the pages that expired meanwhile: ${late}`);
  // It is what the server has stored.
  for (const page of pages) {
    await page.reload();
    await status(page, 'Connected', 'green');
  }
  assert.deepEqual(await shown(), expected);
});

/** The page of a new user in a room, and what goes over its sockets. */
async function enter(world, email, open) {
  const page = await world.member(email);
  await open(page);
  await status(page, 'Connected', 'green');
  const tap = wiretap(page);
  // The chat is short, so the page asks at once for what was said earlier. What is said meanwhile
  // might come with that, too.
  const earlier = page.waitForResponse(/\/messages\?/);
  await page.reload();
  await (await earlier).finished();
  await status(page, 'Connected', 'green');
  return { page, tap };
}

async function invite(world, page, email) {
  const me = { email: 'ann@example.com', password: PASSWORD };
  const { access_token } = await world.post('/v1/auth/signin', me);
  const id = page.url().split('/').at(-1);
  await world.post(`/v1/recipes/${id}/members`, { email, role: 'reader' }, access_token);
}

const heard = (page, note) => page.locator('.bubble.others', { hasText: note }).first().waitFor();

/** The notes that a page shows, in its order: a note that is there twice is named twice. */
async function notes(page) {
  const among = async (kind) => {
    const texts = await page.locator(`.bubble.${kind}`).allTextContents();
    return texts.flatMap((text) => /note (\w\d)/.exec(text)?.[1] ?? []);
  };
  return { mine: await among('mine'), others: await among('others') };
}

/** How many timers of a page on hold have expired: 0 if the server was back before its moment. */
const countHeld = (page) => page.evaluate(() => window.heldTimers.expired.size);

const acknowledged = (tap) =>
  tap.received.map(({ payload }) => payload).filter((payload) => 'resumed' in payload);

/** Until the server has answered what the page has said. */
function answered({ tap }, note) {
  const isSaid = ({ payload }) => payload?.content === `note ${note}`;
  return tap.until(() => {
    const { id } = tap.sent.findLast(isSaid) ?? {};
    return id !== undefined && tap.received.some(({ payload }) => payload.request_id === id);
  });
}

/** Keeps what the indicator shows from now on, without its countdown. */
const recordStatus = (page) =>
  page.evaluate(() => {
    const shown = [];
    const record = () => {
      const indicator = document.querySelector('.status');
      const texts = [...(indicator?.childNodes ?? [])].filter((node) => node.nodeType === 3);
      const text = texts.map((node) => node.data).join('').trim();
      const now = `${indicator?.dataset.color}: ${text}`;
      if (shown.at(-1) !== now) shown.push(now);
    };
    const everything = { attributes: true, characterData: true, childList: true, subtree: true };
    new MutationObserver(record).observe(document.body, everything);
    record();
    window.shownStatus = shown;
  });

/** It went on where it was, with the memo that it had, at its first attempt. */
async function assertReturned(page, tap) {
  const shown = await page.evaluate(() => window.shownStatus);
  console.log(shown.join(' → '));
  assert.equal(shown.at(0), 'green: Connected');
  assert.equal(shown.at(-1), 'green: Connected');
  assert.ok(shown.some((text) => /^yellow: .*Reconnecting/.test(text)), shown.join());
  assert.ok(shown.slice(1, -1).every((text) => text.startsWith('yellow: ')), shown.join());
  assert.equal(tap.sockets, 2);
  const auths = tap.sent.filter(({ type }) => type === 'auth');
  assert.equal(auths.length, 2);
  const [first, second] = acknowledged(tap);
  assert.deepEqual([first.resumed, second.resumed], [false, true]);
  const { memo } = first.session.resume;
  assert.equal(auths[1].payload.resume.memo, memo);
  assert.equal(memo.length, 64);
}
