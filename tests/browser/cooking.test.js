// A recipe as one cooks from it: on paper, and on a table.
import assert from 'node:assert/strict';
import { answer, create, inspect, PANCAKES, say, scene, signUp } from './world.js';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** How many sheets the page takes. */
const sheets = async (page) =>
  (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g).length;

for (const [size, options] of Object.entries({ 'a desk': {}, 'a phone': PHONE })) {
  scene(`the recipe alone is printed, on one page: ${size}`, {}, async (world) => {
    const page = await world.kitchen('ann@example.com', PANCAKES, options);
    for (let n = 0; n < 20; n++) await say(page, `Add ingredient ${n + 2} tsp spice ${n + 1}`);
    await answer(page, 'spice 20');
    await page.emulateMedia({ media: 'print' });
    await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
    for (const other of ['.chat-pane', '.bar', '.top', '.tabs', '.skip', 'main input']) {
      const shown = await page.locator(other).evaluateAll((all) =>
        all.filter((element) => element.getClientRects().length > 0).length);
      assert.equal(shown, 0, other);
    }
    assert.equal(await sheets(page), 1);
  });
}

scene('what is ticked off stays so after a reload, and scaled', {}, async (world) => {
  const page = await world.kitchen();
  const box = (name) => page.getByRole('checkbox', { name });
  await box('200 g flour').check();
  await page.reload();
  await box('200 g flour').waitFor();
  assert.ok(await box('200 g flour').isChecked());
  await say(page, 'Double it');
  await box('400 g flour').waitFor();
  assert.ok(await box('400 g flour').isChecked());
  assert.ok(!(await box('4 eggs').isChecked()));
  await page.reload();
  await box('400 g flour').waitFor();
  assert.ok(await box('400 g flour').isChecked());
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

scene('the screen is kept on while one cooks', {}, async (world) => {
  const context = await world.browser();
  // Which locks there are: a browser without a screen gives none.
  await context.addInitScript(() => {
    window.locks = new Set();
    const request = async () => {
      const lock = { release: async () => void window.locks.delete(lock) };
      window.locks.add(lock);
      return lock;
    };
    Object.defineProperty(navigator, 'wakeLock', { value: { request } });
  });
  const page = await world.tab(context);
  await signUp(page, 'ann@example.com');
  await create(page, PANCAKES);
  const locks = (count) => page.waitForFunction((n) => window.locks.size === n, count);
  const toggle = page.getByRole('switch', { name: 'Keep the screen on' });
  await locks(0);
  await toggle.check();
  await locks(1);
  await inspect(page, 'recipe-awake');
  await toggle.uncheck();
  await locks(0);
  await toggle.check();
  await locks(1);
  // Who leaves the recipe does not cook.
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await locks(0);
});

const CAKE = `Apple cake
Serves 8
Prep time: 20 minutes
Total time: 1 hour 30 minutes

Ingredients:
For the dough:
200 g flour
100 g butter
For the filling:
4 apples

Steps:
1. Knead the dough.
2. Fill it, and bake it for an hour.`;

scene('a recipe shows its total time, and its groups by headings', {}, async (world) => {
  const page = await world.kitchen('ann@example.com', CAKE);
  const facts = page.locator('.fact-list div');
  assert.deepEqual(await facts.allInnerTexts(), ['Makes\n8 servings', 'Prep\n20 min', 'Total\n1 h 30 min']);
  const headings = page.locator('.ingredients').getByRole('heading', { level: 3 });
  assert.deepEqual(await headings.allInnerTexts(), ['For the dough', 'For the filling']);
  assert.equal(await page.getByRole('checkbox', { name: /flour|butter|apples/ }).count(), 3);
  await inspect(page, 'recipe-groups');
});
