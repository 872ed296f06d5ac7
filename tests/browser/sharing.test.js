// Sharing: an owner invites, a guest comes in, and what each may do.
import assert from 'node:assert/strict';
import { answer, fill, inspect, PANCAKES, PASSWORD, say, scene, signIn } from './world.js';
import { status } from './world.js';

const TITLE = "Grandmother's Pancakes";
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const dialog = (page) => page.getByRole('dialog');
const share = async (page) => {
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByText('Only you.').waitFor();
};
/** In the open dialog. */
const inviteBob = async (page) => {
  await page.getByLabel('Email address').fill('bob@example.com');
  await page.keyboard.press('Enter');
  await page.getByText('bob@example.com is invited.').waitFor();
};
const openRecipe = (page) => page.getByRole('link', { name: TITLE, exact: true }).click();

/** Makes a link in the open dialog: its address. */
async function makeLink(page) {
  await page.getByRole('button', { name: 'Make a link instead' }).click();
  return page.getByLabel('The link').inputValue();
}

scene('an invited address reads, chats, and is let change it', {}, async (world) => {
  const ann = await world.kitchen();
  await share(ann);
  await inspect(ann, 'share');
  await ann.getByRole('button', { name: 'Invite' }).click();
  await ann.getByText('Enter an email address.').waitFor();
  await ann.getByLabel('Email address').fill('ann@example.com');
  await ann.keyboard.press('Enter');
  await ann.getByText('Is your own.').waitFor();
  await inspect(ann, 'share-refused');
  await inviteBob(ann);
  assert.equal(await ann.getByLabel('Email address').inputValue(), '');
  // What is not done is not lost.
  await ann.context().setOffline(true);
  await ann.getByLabel('Email address').fill('carol@example.com');
  await ann.getByLabel('They may').selectOption('Change it too');
  await ann.keyboard.press('Tab');
  await ann.getByRole('button', { name: 'Invite' }).click();
  await ann.getByText('The server cannot be reached.').first().waitFor();
  assert.equal(await ann.getByLabel('Email address').inputValue(), 'carol@example.com');
  await ann.context().setOffline(false);

  const bob = await world.member('bob@example.com');
  await bob.getByText('Shared by ann@example.com').waitFor();
  await openRecipe(bob);
  await status(bob, 'Connected');
  await bob.getByText('You may read it and chat.').waitFor();
  // Each sees that the other one is there.
  await bob.getByText('ann@example.com is here.').waitFor();
  await ann.getByText('1 other is here.').waitFor();
  assert.equal(await bob.getByRole('button', { name: /^Edit / }).count(), 0);
  assert.equal(await bob.getByRole('button', { name: 'Double it' }).count(), 0);
  await inspect(bob, 'reader');
  await say(bob, 'Double it');
  await answer(bob, 'You may read this recipe');

  await ann.getByLabel('What bob@example.com may do').selectOption('Change it too');
  await ann.getByText('It is changed.').waitFor();
  await ann.keyboard.press('Escape');
  await dialog(ann).waitFor({ state: 'detached' });
  // The focus is where it was.
  const focused = () => ann.evaluate(() => document.activeElement?.textContent);
  assert.equal(await focused(), 'Share');
  // At once: bob has done nothing for it.
  await answer(bob, 'You may change this recipe now.');
  await bob.getByText('You may change it.').waitFor();
  await bob.getByRole('button', { name: 'Double it' }).waitFor();
  await status(bob, 'Connected');
  await say(bob, 'Double it');
  await answer(bob, 'Scaled from');
  await ann.getByText('400 g').waitFor();
  // The owner is told who that is.
  await ann.locator('.others .name', { hasText: 'bob@example.com' }).first().waitFor();
  await ann.getByText('bob@example.com is here.').waitFor();
  await inspect(ann, 'owner-named');
  await ann.reload();
  await ann.locator('.others .name', { hasText: 'bob@example.com' }).first().waitFor();
  await bob.close();
  await ann.getByText('is here.').waitFor({ state: 'detached' });
});

scene('a link lets one person in, who signs up on the way', {}, async (world) => {
  const ann = await world.kitchen();
  await ann.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await share(ann);
  await ann.getByLabel('They may').selectOption('Change it too');
  await ann.getByLabel('How long').selectOption('For a week');
  const link = await makeLink(ann);
  await ann.getByText(/^Unused link, made just now/).waitFor();
  await ann.getByRole('button', { name: 'Copy' }).click();
  await ann.getByText('The link is copied.').waitFor();
  assert.equal(await ann.evaluate(() => navigator.clipboard.readText()), link);
  await inspect(ann, 'share-link');

  const bob = await world.tab(await world.browser(), link.slice(world.origin.length));
  await bob.getByText('You are invited to a recipe.').waitFor();
  await inspect(bob, 'join-sign-in');
  await bob.getByRole('button', { name: 'Create one' }).click();
  await fill(bob, 'bob@example.com');
  await bob.getByRole('button', { name: 'Create an account' }).click();
  await bob.getByRole('heading', { name: TITLE }).waitFor();
  await status(bob, 'Connected');
  assert.match(bob.url(), /\/recipes\/[\w-]+$/);
  await say(bob, 'Halve it');
  await ann.keyboard.press('Escape');
  await answer(ann, 'Halve it');
  // The code is in no log of the browser's way back either.
  await bob.goBack();
  assert.ok(!bob.url().includes('#'));

  const carol = await world.member('carol@example.com');
  await carol.goto(link);
  await carol.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  await inspect(carol, 'join-invalid');
});

scene('who is removed is out at once, and a link can be taken back', {}, async (world) => {
  const ann = await world.kitchen();
  await share(ann);
  await inviteBob(ann);
  const link = await makeLink(ann);
  const bob = await world.member('bob@example.com');
  await openRecipe(bob);
  await status(bob, 'Connected');
  await ann.getByRole('button', { name: 'Remove bob@example.com' }).click();
  await ann.getByText('bob@example.com has no access any more.').waitFor();
  await bob.getByRole('heading', { name: 'No such recipe' }).waitFor();
  await ann.getByRole('button', { name: /^Remove Unused link/ }).click();
  await ann.getByText('Only you.').waitFor();
  await bob.goto(link);
  await bob.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  await bob.getByRole('link', { name: 'All recipes', exact: true }).click();
  await bob.getByText('What shall we cook?').waitFor();
});

scene('an access ends at the time that was chosen', {}, async (world) => {
  const ann = await world.kitchen();
  await share(ann);
  await ann.getByLabel('How long').selectOption('Until a time…');
  await ann.getByRole('button', { name: 'Make a link instead' }).click();
  await ann.getByText('Choose a time that is yet to come.').waitFor();
  await ann.getByLabel('The access ends').fill('2099-01-02T03:04');
  await makeLink(ann);
  await ann.getByText(/until .*2099/).waitFor();
  await inspect(ann, 'share-time');
});

scene('who has no access any more is out when that time has come', {}, async (world) => {
  const ann = await world.kitchen();
  const id = ann.url().split('/').at(-1);
  const me = { email: 'ann@example.com', password: PASSWORD };
  const { access_token } = await world.post('/v1/auth/signin', me);
  const bob = await world.member('bob@example.com');
  const carol = await world.member('carol@example.com');
  for (const [email, more] of [['bob@example.com', { valid_seconds: 6 }], ['carol@example.com', {}]]) {
    const member = { email, role: 'reader', ...more };
    await world.post(`/v1/recipes/${id}/members`, member, access_token);
  }
  for (const page of [bob, carol]) {
    await page.goto(ann.url());
    await status(page, 'Connected');
  }
  await say(bob, 'How many eggs do I need?');
  // Guests do not see each other's addresses.
  await carol.locator('.others .name', { hasText: 'Guest 1' }).waitFor();
  // Nobody says anything.
  await bob.getByRole('heading', { name: 'No such recipe' }).waitFor();
  await status(carol, 'Connected');
});

scene('a guest leaves a recipe from the list', {}, async (world) => {
  const ann = await world.kitchen();
  await share(ann);
  await inviteBob(ann);
  const bob = await world.member('bob@example.com');
  await bob.getByRole('button', { name: `Actions for ${TITLE}` }).click();
  assert.equal(await bob.getByRole('button', { name: 'Rename' }).count(), 0);
  await inspect(bob, 'list-guest-actions');
  await bob.getByRole('button', { name: 'Leave' }).click();
  await bob.getByText(`You have left ${TITLE}.`).waitFor();
  await bob.getByRole('button', { name: 'Sign out' }).click();
  await ann.keyboard.press('Escape');
  await ann.getByRole('button', { name: 'Share', exact: true }).click();
  await ann.getByText('Only you.').waitFor();
  await bob.getByRole('heading', { name: 'Sign in' }).waitFor();
  await signIn(bob, 'bob@example.com');
  await bob.getByText('What shall we cook?').waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  scene(`sharing on a phone: ${colorScheme}`, {}, async (world) => {
    const ann = await world.kitchen('ann@example.com', PANCAKES, { ...PHONE, colorScheme });
    await ann.getByRole('tab', { name: 'Recipe' }).click();
    await inspect(ann, `phone-${colorScheme}-owner`);
    await share(ann);
    await makeLink(ann);
    await ann.getByLabel('Email address').fill('somebody.with.a.long.name@example.com');
    await ann.keyboard.press('Enter');
    await ann.getByText('is invited.').waitFor();
    await inspect(ann, `phone-${colorScheme}-share`);
    await ann.keyboard.press('Escape');
    await ann.getByRole('link', { name: 'Recipes', exact: true }).click();
    await ann.getByRole('button', { name: `Actions for ${TITLE}` }).click();
    await ann.getByRole('button', { name: 'Share…' }).click();
    await dialog(ann).getByText('somebody.with.a.long.name@example.com').waitFor();
    await inspect(ann, `phone-${colorScheme}-share-list`);
  });
}

/** Says this in a room by a client of the user's own, which numbers its messages itself. */
async function sayAs(world, page, email, id, content) {
  const { access_token } = await world.post('/v1/auth/signin', { email, password: PASSWORD });
  const [, , room] = new URL(page.url()).pathname.split('/');
  const send = async ([room, token, id, content]) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/v1/chat/${room}`);
    const say = (type, id, payload) =>
      socket.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }));
    socket.onopen = () => {
      say('auth', crypto.randomUUID(), { token });
      say('chat_message', id, { content });
    };
    await new Promise((answered) => {
      socket.onmessage = ({ data }) => JSON.parse(data).payload.request_id === id && answered();
    });
    socket.close();
  };
  await page.evaluate(send, [room, access_token, id, content]);
}

scene('messages of two users under one id are two', {}, async (world) => {
  const ann = await world.kitchen();
  await share(ann);
  await inviteBob(ann);
  const bob = await world.member('bob@example.com');
  await sayAs(world, ann, 'ann@example.com', '1', 'said by ann');
  await openRecipe(bob);
  // It is in the history, and the other one comes.
  await bob.locator('.bubble', { hasText: 'said by ann' }).waitFor();
  await sayAs(world, bob, 'bob@example.com', '1', 'said by bob');
  await bob.locator('.bubble', { hasText: 'said by bob' }).waitFor();
  await bob.reload();
  for (const name of ['ann', 'bob']) {
    await bob.locator('.bubble', { hasText: `said by ${name}` }).waitFor();
  }
});
