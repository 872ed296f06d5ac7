// A recipe as one cooks from it: on paper, and on a table.
import assert from 'node:assert/strict';
import { answer, PANCAKES, say, scene } from './world.js';

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
