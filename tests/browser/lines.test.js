// A line of the recipe that is changed in place, and texts that are too long.
import assert from 'node:assert/strict';
import { hold, inspect, PANCAKES, PASSWORD, say, scene } from './world.js';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const edit = (page, text) => page.getByRole('button', { name: `Edit “${text}”` }).click();
const field = (page) => page.getByRole('textbox', { name: /^(Ingredient|Step)$/ });
const line = (page, text) => page.getByRole('checkbox', { name: text });

/** What a program of the same user asks of the open recipe. */
async function program(world, page, email = 'ann@example.com') {
  const { access_token } = await world.post('/v1/auth/signin', { email, password: PASSWORD });
  const url = `${world.origin}/v1${new URL(page.url()).pathname}`;
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  const call = async (method, body) => {
    const init = { method, headers: { ...headers, 'if-match': '*' } };
    if (body !== undefined) init.body = JSON.stringify(body);
    return (await fetch(url, init)).json();
  };
  return { get: () => call('GET'), patch: (body) => call('PATCH', body) };
}

scene('a line is changed in place, and Undo takes it back', {}, async (world) => {
  const page = await world.kitchen();
  const { get } = await program(world, page);
  await edit(page, '2 eggs');
  await inspect(page, 'line-edit');
  assert.equal(await field(page).inputValue(), '2 eggs');
  await field(page).fill('3 large eggs');
  await page.keyboard.press('Enter');
  await line(page, '3 large eggs').waitFor();
  // The focus is at the line again.
  await page.waitForFunction(() => document.activeElement?.id === 'edit-ingredients-1');
  const texts = (await get()).ingredients.map(({ text }) => text);
  assert.deepEqual(texts.slice(0, 3), ['200 g flour', '3 large eggs', '300 ml milk']);
  await page.getByRole('button', { name: /^Edit “Fry thin pancakes/ }).click();
  await inspect(page, 'step-edit');
  await field(page).fill('Fry them.');
  await page.getByRole('button', { name: 'Save' }).click();
  // The field has this text too, so its words alone do not say that the server has them.
  await page.getByRole('button', { name: 'Edit “Fry them.”' }).waitFor();
  assert.equal((await get()).steps[2].text, 'Fry them.');
  await say(page, 'Undo');
  await page.getByText('Fry thin pancakes in a hot pan').first().waitFor();
  // Escape leaves it as it was, and so does a text that says the same.
  await edit(page, '3 large eggs');
  await field(page).fill('no eggs');
  await page.keyboard.press('Escape');
  await line(page, '3 large eggs').waitFor();
});

scene("a line keeps the others' changes, and their bases", {}, async (world) => {
  const page = await world.kitchen();
  const { get, patch } = await program(world, page);
  await say(page, 'Scale to 3 servings');
  await line(page, '150 g flour').waitFor();
  await edit(page, '225 ml milk');
  const steps = (await get()).steps.map(({ text }) => text);
  await patch({ steps: ['Wash your hands.', ...steps] });
  await page.getByText('Wash your hands.').waitFor();
  await field(page).fill('225 ml oat milk');
  await page.keyboard.press('Enter');
  await line(page, '225 ml oat milk').waitFor();
  assert.equal((await get()).steps.length, 4);
  assert.equal((await get()).ingredients[0].base.text, '200 g flour');
});

scene('a conflict is told, and nothing that was typed is lost', {}, async (world) => {
  const page = await world.kitchen();
  const { get, patch } = await program(world, page);
  await edit(page, '2 eggs');
  await field(page).fill('3 eggs, from our hens');
  const texts = (await get()).ingredients.map(({ text }) => text);
  await patch({ ingredients: texts.with(1, '4 eggs') });
  await page.getByText('Somebody changed this line meanwhile. It is “4 eggs” now').waitFor();
  assert.equal(await field(page).inputValue(), '3 eggs, from our hens');
  await inspect(page, 'line-conflict');
  await patch({ ingredients: texts.filter((text) => text !== '2 eggs') });
  await page.getByText('Somebody removed this line meanwhile.').waitFor();
  assert.equal(await field(page).inputValue(), '3 eggs, from our hens');
  await page.keyboard.press('Enter');
  await line(page, '3 eggs, from our hens').waitFor();
  const now = (await get()).ingredients.map(({ text }) => text);
  assert.deepEqual(now, texts.with(1, '3 eggs, from our hens'));
});

scene('a conflict is told although the room is silent', {}, async (world) => {
  const page = await world.kitchen();
  const { get, patch } = await program(world, page);
  await edit(page, '2 eggs');
  await field(page).fill('3 eggs');
  // The socket is gone, and does not come back by itself.
  await hold(page);
  await page.evaluate(() => dispatchEvent(new Event('offline')));
  const texts = (await get()).ingredients.map(({ text }) => text);
  await patch({ ingredients: texts.with(1, '4 eggs') });
  await page.keyboard.press('Enter');
  await page.getByText('Somebody changed this line meanwhile.').waitFor();
  assert.equal(await field(page).inputValue(), '3 eggs');
  assert.equal((await get()).ingredients[1].text, '4 eggs');
  await page.keyboard.press('Enter');
  await line(page, '3 eggs').waitFor();
  assert.equal((await get()).ingredients[1].text, '3 eggs');
});

scene('what is not saved says why, and stays', {}, async (world) => {
  const page = await world.kitchen();
  await edit(page, '2 eggs');
  await field(page).fill('x'.repeat(501));
  await page.keyboard.press('Enter');
  await page.getByText('Must be a text of 1 to 500 characters.').waitFor();
  await inspect(page, 'line-refused');
  await field(page).fill('3 eggs');
  await world.stop();
  await page.keyboard.press('Enter');
  await page.getByText('The server cannot be reached. Check your connection.').waitFor();
  assert.equal(await field(page).inputValue(), '3 eggs');
});

scene('what is too long shows what would be cut', {}, async (world) => {
  const page = await world.kitchen();
  const input = page.getByLabel('Message', { exact: true });
  // A letter of two units is one character.
  await input.fill('🍎'.repeat(16_384));
  // As many characters as a message may have, and more bytes.
  await page.getByText('That is 134 characters too many.').waitFor();
  await input.fill(`${'🍎a'.repeat(8_192)}and the end`);
  await page.getByText('That is 11 characters too many. This would be cut:').waitFor();
  await page.getByText('…and the end').waitFor();
  await page.keyboard.press('Enter');
  await inspect(page, 'chat-too-long');
  await page.getByRole('button', { name: 'Cut it' }).click();
  await page.getByText('too many').waitFor({ state: 'detached' });
  await input.press('Enter');
  await page.locator('.bubble.theirs').nth(1).waitFor();

  await page.goto(`${world.origin}/new`);
  const pasted = page.getByLabel(/^Paste a recipe/);
  // Longer than a message: it is imported.
  const long = `${PANCAKES}\n4. ${'Wait. '.repeat(700)}\n`;
  const steps = Array.from({ length: 4 }, (_, n) => `${n + 5}. ${'Stir. '.repeat(700)}`);
  await pasted.fill(long + steps.join('\n'));
  await page.getByRole('button', { name: 'Read this recipe' }).click();
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
  assert.equal(await page.locator('.steps li').count(), 8);
  await page.goto(`${world.origin}/new`);
  await pasted.fill(`${'a'.repeat(70_000)}THE END`);
  await page.getByText(/characters too many. This would be cut:/).waitFor();
  await inspect(page, 'new-too-long');
  await page.getByRole('button', { name: 'Cut it' }).click();
  await page.getByText('too many').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Read this recipe' }).click();
  await page.getByText('No title was found.').waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  scene(`lines on a phone: ${colorScheme}`, {}, async (world) => {
    const page = await world.kitchen('ann@example.com', PANCAKES, { ...PHONE, colorScheme });
    await page.getByRole('tab', { name: 'Recipe' }).click();
    await edit(page, '300 ml milk');
    await inspect(page, `phone-${colorScheme}-line-edit`);
    await page.keyboard.press('Escape');
    await page.getByRole('tab', { name: 'Chat' }).click();
    await page.getByLabel('Message', { exact: true }).fill(`${'a '.repeat(8_192)}THE END`);
    await page.getByText('characters too many').waitFor();
    await inspect(page, `phone-${colorScheme}-too-long`);
  });
}
