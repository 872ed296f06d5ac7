// What was said or written, and not yet sent: who finds it again.
import assert from 'node:assert/strict';
import { answer, say, scene, signIn, signUp, status } from './world.js';

const mine = (page, text) => page.locator('.bubble.mine', { hasText: text });
const input = (page) => page.getByLabel('Message', { exact: true });
const leaveRecipe = (page) => page.getByRole('link', { name: 'Recipes', exact: true }).click();
const enterRecipe = (page) => page.getByRole('link', { name: "Grandmother's Pancakes" }).click();

/** A network that loses what is said while `isLossy`, and ends sessions when it is told to. */
async function lossyNetwork(page) {
  const network = { isLossy: true, revoke: () => {}, asked: [] };
  page.on('dialog', (dialog) => {
    network.asked.push(dialog.type());
    void dialog.accept();
  });
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    network.revoke = () => socket.close({ code: 1008, reason: 'Session revoked' });
    socket.onMessage((frame) => {
      const isChat = JSON.parse(String(frame)).type === 'chat_message';
      if (!(isChat && network.isLossy)) server.send(frame);
    });
  });
  await page.reload();
  await status(page, 'Connected');
  return network;
}

async function assertKept(page) {
  await status(page, 'Connected');
  await mine(page, 'Add ingredient 3 apples').waitFor();
  assert.equal(await page.getByText('Sending…').count(), 1);
  assert.equal(await input(page).inputValue(), 'Add step Serve');
}

scene('what was said and written outlives everything but a sign-out', {}, async (world) => {
  const page = await world.kitchen();
  const network = await lossyNetwork(page);
  await say(page, 'Add ingredient 3 apples');
  await input(page).fill('Add step Serve');
  await assertKept(page);

  await leaveRecipe(page);
  await enterRecipe(page);
  await assertKept(page);

  await page.reload();
  await assertKept(page);
  assert.deepEqual(network.asked, ['beforeunload']);

  await network.revoke();
  await status(page, 'You were signed out.', 'red');
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await signIn(page, 'ann@example.com');
  await assertKept(page);

  network.isLossy = false;
  await leaveRecipe(page);
  await enterRecipe(page);
  await answer(page, 'Added “3 apples”');
  assert.equal(await page.getByRole('checkbox', { name: '3 apples' }).count(), 1);
  assert.equal(await mine(page, 'Add ingredient 3 apples').count(), 1);
  await page.reload();
  await status(page, 'Connected');
  assert.equal(await input(page).inputValue(), 'Add step Serve');
  assert.deepEqual(network.asked, ['beforeunload']);
});

scene('who signs out leaves nothing for the next user', {}, async (world) => {
  const page = await world.kitchen();
  await lossyNetwork(page);
  await say(page, 'Add ingredient 3 apples');
  await input(page).fill('Add step Serve');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Email').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await signUp(page, 'bob@example.com');
  assert.equal(await page.evaluate(() => JSON.stringify(sessionStorage)), '{}');
});
