// The list of recipes: looking for one, and what one can do with it there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hold, inspect, PANCAKES, PASSWORD, scene, signUp } from './world.js';

const open = async (page, title, action) => {
  await page.getByRole('button', { name: `Actions for ${title}`, exact: true }).click();
  if (action !== undefined) await page.getByRole('button', { name: action, exact: true }).click();
};
const link = (page, title) => page.getByRole('link', { name: title, exact: true });
const titles = (page) => page.locator('.tile h2').allInnerTexts();

/** The list of a user who has these recipes, and the token of a program of theirs. */
async function shelf(world, recipes, options) {
  const email = 'ann@example.com';
  const page = await world.tab(await world.browser(options));
  await signUp(page, email);
  const me = { email, password: PASSWORD };
  const { access_token: token } = await world.post('/v1/auth/signin', me);
  const ids = [];
  for (const recipe of recipes) ids.push((await world.post('/v1/recipes', recipe, token)).id);
  await page.reload();
  await link(page, recipes[0].title).waitFor();
  const get = (id) =>
    fetch(`${world.origin}/v1/recipes/${id}`, { headers: { authorization: `Bearer ${token}` } });
  return { page, token, ids, get };
}

const SOUP = { title: 'Soup', tags: ['winter'], ingredients: [{ text: '2 carrots' }] };
const BREAD = { title: 'Bread', ingredients: [{ text: '500 g flour' }] };
const CAKE = { title: 'Cake', ingredients: [{ text: '200 g flour' }] };

scene('recipes are found by their words, and put in order', {}, async (world) => {
  const { page } = await shelf(world, [SOUP, BREAD, CAKE]);
  assert.deepEqual(await titles(page), ['Cake', 'Bread', 'Soup']);
  await page.getByLabel('Order').selectOption('By title');
  await page.waitForFunction(() => document.querySelector('.tile h2')?.textContent === 'Bread');
  await page.getByLabel('Search').fill('flour');
  await link(page, 'Soup').waitFor({ state: 'detached' });
  assert.deepEqual(await titles(page), ['Bread', 'Cake']);
  // A reload and a step back keep what was looked for.
  await page.reload();
  await link(page, 'Bread').click();
  await page.getByRole('heading', { name: 'Bread' }).waitFor();
  await page.goBack();
  await link(page, 'Cake').waitFor();
  assert.deepEqual(await titles(page), ['Bread', 'Cake']);
  await page.getByLabel('Search').fill('gold');
  await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
  await inspect(page, 'list-nothing-found');
  await page.getByRole('button', { name: 'Show all recipes' }).click();
  await link(page, 'Soup').waitFor();
});

scene('a deletion can be undone, and is done when the user goes', {}, async (world) => {
  const { page, ids, get } = await shelf(world, [SOUP, BREAD, CAKE]);
  await hold(page);
  await open(page, 'Cake', 'Delete');
  await page.getByText('Cake is deleted.').waitFor();
  assert.deepEqual(await titles(page), ['Bread', 'Soup']);
  await inspect(page, 'list-deleted');
  // The focus is there for who uses the keyboard.
  await page.keyboard.press('Enter');
  await link(page, 'Cake').waitFor();
  assert.equal((await get(ids[2])).status, 200);

  await open(page, 'Cake', 'Delete');
  await link(page, 'Cake').waitFor({ state: 'detached' });
  assert.equal((await get(ids[2])).status, 200);
  const gone = async (id) => {
    while ((await get(id)).status === 200);
    assert.equal((await get(id)).status, 404);
  };
  // To another screen, and away altogether.
  await link(page, 'Bread').click();
  await gone(ids[2]);
  await link(page, 'Recipes').click();
  await open(page, 'Bread', 'Delete');
  await link(page, 'Bread').waitFor({ state: 'detached' });
  await page.close();
  await gone(ids[1]);
  assert.equal((await get(ids[0])).status, 200);
});

scene('a recipe is renamed in the list, unless it changed meanwhile', {}, async (world) => {
  const { page, token, ids, get } = await shelf(world, [SOUP]);
  const renamed = (title) =>
    fetch(`${world.origin}/v1/recipes/${ids[0]}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'if-match': '*',
      },
      body: JSON.stringify({ title }),
    });
  const read = page.waitForResponse(/recipes\/[^?]+$/);
  await open(page, 'Soup', 'Rename');
  await read;
  await inspect(page, 'list-rename');
  await page.keyboard.type('Carrot soup');
  await page.keyboard.press('Enter');
  await link(page, 'Carrot soup').waitFor();
  assert.equal((await (await get(ids[0])).json()).title, 'Carrot soup');

  const again = page.waitForResponse(/recipes\/[^?]+$/);
  await open(page, 'Carrot soup', 'Rename');
  await again;
  await renamed('Winter soup');
  await page.keyboard.type('Summer soup');
  await page.keyboard.press('Enter');
  await page.getByText('It was changed meanwhile.').waitFor();
  assert.equal((await (await get(ids[0])).json()).title, 'Winter soup');
  await page.keyboard.press('Enter');
  await link(page, 'Summer soup').waitFor();
});

scene('a recipe is copied, and saved as a file', {}, async (world) => {
  const { page } = await shelf(world, [SOUP, { title: 'Pancakes', description: PANCAKES }]);
  await open(page, 'Soup');
  await inspect(page, 'list-actions');
  await page.keyboard.press('Escape');
  await open(page, 'Soup', 'Duplicate');
  await link(page, 'Copy of Soup').waitFor();
  assert.deepEqual(await titles(page), ['Pancakes', 'Soup', 'Copy of Soup']);
  const coming = page.waitForEvent('download');
  await open(page, 'Soup', 'Save as Markdown');
  const download = await coming;
  assert.equal(download.suggestedFilename(), 'Soup.md');
  assert.match(readFileSync(await download.path(), 'utf8'), /2 carrots/);
});

scene('all recipes are saved in a file, and imported from files', {}, async (world) => {
  const { page } = await shelf(world, [SOUP, BREAD]);
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save all as a file' }).click();
  const download = await coming;
  assert.equal(download.suggestedFilename(), 'recipes.json');
  const saved = readFileSync(await download.path(), 'utf8');
  assert.deepEqual(JSON.parse(saved).recipes.map(({ title }) => title), ['Bread', 'Soup']);

  const bob = await world.member('bob@example.com');
  const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  const choose = bob.waitForEvent('filechooser');
  await bob.getByRole('button', { name: 'Import files…' }).click();
  await (await choose).setFiles([
    file('recipes.json', saved),
    file('pancakes.md', PANCAKES),
    file('wrong.json', '[{ "no": "recipe" }]'),
  ]);
  await bob.getByText('3 recipes imported.').waitFor();
  await bob.getByText(/^wrong\.json: text: Must be a recipe: .*recipe/).waitFor();
  await link(bob, 'Bread').waitFor();
  assert.deepEqual((await titles(bob)).sort(), ['Bread', "Grandmother's Pancakes", 'Soup']);
  await inspect(bob, 'list-imported');
});
