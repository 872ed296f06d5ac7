// Every screen in light and dark, wide and on a phone: axe, no scrolling sideways, a picture.
import assert from 'node:assert/strict';
import { answer, create, fill, hold, inspect, PANCAKES, release, say } from './world.js';
import { scene, status, waitForHeld } from './world.js';

const WIDE = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

for (const colorScheme of ['light', 'dark']) {
  for (const [size, options] of Object.entries({ wide: WIDE, phone: PHONE })) {
    scene(`every screen is in order: ${colorScheme}, ${size}`, {}, (world) =>
      visit(world, { ...options, colorScheme }, `${size}-${colorScheme}`),
    );
  }
}

async function visit(world, options, prefix) {
  const page = await world.tab(await world.browser(options));
  const see = (name) => inspect(page, `${prefix}-${name}`);
  const show = async (tab) => {
    if (options.isMobile) await page.getByRole('tab', { name: tab }).click();
  };

  await see('sign-in');
  await page.getByRole('button', { name: 'Create one' }).click();
  await fill(page, 'ann', '');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await see('sign-up-refused');
  await fill(page, 'ann@example.com');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByText('What shall we cook?').waitFor();
  await see('list-empty');
  await page.goto(`${world.origin}/recipes/nobody`);
  await page.getByText('No such recipe').waitFor();
  await see('no-such-recipe');
  await page.getByRole('link', { name: 'All recipes', exact: true }).click();

  await page.getByRole('link', { name: 'New recipe' }).click();
  await see('new');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await create(page, null);
  await see('recipe-empty');
  await show('Chat');
  await see('chat-empty');
  await page.goto(world.origin);
  await create(page, PANCAKES);
  await show('Chat');
  await say(page, 'Replace milk with oat milk');
  await answer(page, 'oat milk');
  await see('chat');
  await page.getByRole('button', { name: 'More' }).click();
  await see('chat-suggestions');
  await page.getByRole('button', { name: 'Help', exact: true }).click();
  await answer(page, 'Here is what I can do');
  await see('chat-help');
  await show('Recipe');
  await see('recipe');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'Make a link instead' }).click();
  await page.getByLabel('The link').waitFor();
  await see('share');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Edit “2 eggs”' }).click();
  await see('line-edit');
  await page.keyboard.press('Escape');

  await world.stop();
  await status(page, 'The server cannot be reached', 'red');
  await hold(page);
  await see('unreachable');
  await show('Chat');
  await say(page, 'Double it');
  await page.locator('.banner').waitFor();
  await see('queued');
  await waitForHeld(page);
  await world.start();
  await page.getByRole('button', { name: 'Try now' }).click();
  await answer(page, 'Scaled from');
  await release(page);

  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('link', { name: "Grandmother's Pancakes" }).waitFor();
  await see('list');
  await page.getByRole('button', { name: "Actions for Grandmother's Pancakes" }).click();
  await see('list-actions');
  await page.keyboard.press('Escape');
  await page.goto(`${world.origin}/account`);
  await page.getByText('This browser').waitFor();
  await see('account');
  await page.goto(`${world.origin}/nowhere`);
  await page.getByText('There is nothing here').waitFor();
  await see('not-found');
  // Nothing moves for who asked for that.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
  await page.emulateMedia({ reducedMotion: null });
  await page.evaluate(() => localStorage.removeItem('vestibule.tokens'));
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}
