// A recipe and its chat.
import assert from 'node:assert/strict';
import { answer, create, inspect, PANCAKES, say, scene, status } from './world.js';

const atEnd = (page) =>
  page.waitForFunction(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.scroll');
    return scrollHeight - scrollTop - clientHeight < 2;
  });
const bubbles = (page) => page.locator('.bubble > p:first-of-type').allInnerTexts();

const path = (page) => new URL(page.url()).pathname;

scene('a pasted recipe is read, changed by saying so, and listed', {}, async (world) => {
  const page = await world.kitchen();
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
  assert.equal(await page.getByRole('checkbox').count(), 5);
  await say(page, 'Scale to 8 servings');
  await page.getByText('400 g flour').waitFor();
  await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
  await page.getByRole('checkbox', { name: '200 g flour' }).waitFor();
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('link', { name: "Grandmother's Pancakes" }).click();
  // Who comes back finds what was said.
  await answer(page, 'Scaled from');
  assert.equal(await page.title(), "Grandmother's Pancakes · Vestibule");
});

scene('an empty recipe begins with a name, and tells what one can say', {}, async (world) => {
  const page = await world.member('ann@example.com');
  await page.getByRole('link', { name: 'New recipe' }).click();
  await page.getByLabel('Or begin with a name').fill('Soup');
  await page.getByRole('button', { name: 'Start empty' }).click();
  await page.getByRole('heading', { name: 'Soup' }).waitFor();
  await page.getByText('Nothing in the pot yet').waitFor();
  await page.getByRole('button', { name: 'Add an ingredient' }).click();
  await page.keyboard.type('2 carrots');
  await page.keyboard.press('Enter');
  await page.getByRole('checkbox', { name: '2 carrots' }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Help' }).click();
  // What is said to be sayable can be taken up.
  await page.getByRole('button', { name: 'Rename to Sunday pancakes' }).click();
  const input = page.getByLabel('Message', { exact: true });
  assert.equal(await input.inputValue(), 'Rename to Sunday pancakes');
});

scene('a recipe that is pasted into the chat is offered to be read', {}, async (world) => {
  const page = await world.member('ann@example.com');
  await create(page, null);
  await page.getByLabel('Message', { exact: true }).fill(PANCAKES);
  await page.getByRole('button', { name: 'Read this as a recipe' }).click();
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
});

scene('a second tab sees what is said in the first, and the recipe change', {}, async (world) => {
  const page = await world.kitchen();
  const other = await world.tab(page.context(), path(page));
  await status(other, 'Connected');
  await say(page, 'Rename to Sunday pancakes');
  await other.locator('.bubble.mine', { hasText: 'Rename to Sunday pancakes' }).waitFor();
  await other.getByRole('heading', { name: 'Sunday pancakes' }).waitFor();
  await say(other, 'Double it');
  await page.locator('.bubble.mine', { hasText: 'Double it' }).waitFor();
  await page.getByText('400 g flour').waitFor();
  await inspect(other, 'chat-two-tabs');
});

/** Enter, as Safari reports the one that ends a composition: 229 says whose it is. */
const composed = (place, key = 'Enter') =>
  place.evaluate((element, key) => {
    const more = { bubbles: true, cancelable: true, isComposing: false };
    element.dispatchEvent(new KeyboardEvent('keydown', { key, keyCode: 229, ...more }));
  }, key);

scene('a key of the input method sends, saves and closes nothing', {}, async (world) => {
  const page = await world.kitchen();
  const input = page.getByLabel('Message', { exact: true });
  await input.fill('Rename to 汁');
  await composed(input);
  assert.equal(await input.inputValue(), 'Rename to 汁');
  await page.getByRole('button', { name: /^Edit “2 eggs/ }).click();
  const line = page.getByLabel('Ingredient', { exact: true });
  await line.fill('2 卵');
  await composed(line);
  await composed(line, 'Escape');
  assert.equal(await line.inputValue(), '2 卵');
  assert.equal(await page.getByRole('button', { name: 'Save' }).count(), 1);
});

scene('text is text, whatever it looks like', {}, async (world) => {
  const page = await world.member('ann@example.com');
  await create(page, null);
  const markup = '<img src=x onerror=alert(1)><b>bold</b>';
  await say(page, `Rename to ${markup}`);
  await page.getByRole('heading', { name: markup }).waitFor();
  await say(page, `Add ingredient 2 ${markup}`);
  await page.getByRole('checkbox', { name: markup }).waitFor();
  assert.equal(await page.locator('main img, main b img').count(), 0);
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('link', { name: markup }).waitFor();
});

scene('text has the direction of its letters', {}, async (world) => {
  const page = await world.member('ann@example.com');
  await create(page, null);
  await say(page, 'Rename to מרק גזר');
  const heading = page.getByRole('heading', { name: 'מרק גזר', level: 1 });
  await heading.waitFor();
  assert.equal(await heading.evaluate((it) => getComputedStyle(it).direction), 'rtl');
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  const card = page.getByRole('heading', { name: 'מרק גזר' });
  assert.equal(await card.evaluate((it) => getComputedStyle(it).direction), 'rtl');
});

scene('suggestions are whole, beside each other', {}, async (world) => {
  const page = await world.kitchen('ann@example.com', PANCAKES, {
    viewport: { width: 320, height: 640 },
    hasTouch: true,
    isMobile: true,
  });
  await page.getByRole('tab', { name: 'Chat' }).click();
  const cut = () =>
    page.locator('.suggestions button').evaluateAll((all) =>
      all.filter((button) => {
        const { left, right } = button.getBoundingClientRect();
        return left < 0 || right > innerWidth || button.scrollWidth > button.clientWidth;
      }).length);
  assert.equal(await cut(), 0);
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Halve it' }).waitFor();
  assert.equal(await cut(), 0);
});

scene('what is said too fast is refused, and can be sent again', {
  LIMITS__MESSAGES_PER_MINUTE: '2',
}, async (world) => {
  const page = await world.member('ann@example.com');
  await create(page, null);
  for (const text of ['Add ingredient 1 egg', 'Add ingredient 2 eggs', 'Add ingredient 3 eggs']) {
    await say(page, text);
  }
  await page.getByText('Not sent: that was a lot at once.').waitFor();
  await page.getByRole('button', { name: 'Send again' }).waitFor();
  assert.equal(await page.getByRole('checkbox').count(), 2);
  await inspect(page, 'chat-refused');
});

scene("another's recipe is none", {}, async (world) => {
  const ann = await world.kitchen('ann@example.com');
  const bob = await world.member('bob@example.com');
  await bob.goto(ann.url());
  await bob.getByRole('heading', { name: 'No such recipe' }).waitFor();
  await bob.getByRole('link', { name: 'All recipes', exact: true }).click();
  await bob.getByText('What shall we cook?').waitFor();
});

scene('on a phone the tabs say that the recipe changed', {}, async (world) => {
  const page = await world.kitchen('ann@example.com', PANCAKES, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
  });
  await page.getByRole('tab', { name: /^Recipe\s*, changed$/ }).waitFor();
  await page.getByRole('tab', { name: 'Chat' }).press('ArrowLeft');
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
  const tab = page.getByRole('tab', { name: 'Recipe' });
  assert.equal(await tab.innerText(), 'Recipe');
  assert.equal(await tab.getAttribute('aria-selected'), 'true');
  assert.equal(await page.getByLabel('Message', { exact: true }).isVisible(), false);
});

const TALK = { RECIPES__HISTORY: '5', LIMITS__MESSAGES_PER_MINUTE: '1000' };

/** A page on which much was said, all of it by number. */
async function talk(world, count, options) {
  const page = await world.kitchen('ann@example.com', PANCAKES, options);
  for (let n = 1; n <= count; n++) {
    await say(page, `Add ingredient ${n} tsp spice`);
    await answer(page, `Added “${n} tsp spice”`);
  }
  return page;
}

scene('what was said long ago is loaded by scrolling there', TALK, async (world) => {
  const page = await talk(world, 60);
  await page.reload();
  await status(page, 'Connected');
  await answer(page, 'Added “60 tsp spice”');
  await atEnd(page);
  assert.equal(await page.locator('.bubble', { hasText: 'Added “2 tsp spice”' }).count(), 0);
  const place = page.locator('.scroll');
  const top = page.locator('.bubble.mine', { hasText: 'Add ingredient 56 tsp' });
  await place.evaluate((it) => it.scrollTo(0, 0));
  await page.locator('.bubble', { hasText: 'Added “30 tsp spice”' }).waitFor();
  // What one reads stays where it is.
  const [at, box] = [await place.boundingBox(), await top.boundingBox()];
  assert.ok(Math.abs(box.y - at.y) < 60, `${box.y} in ${at.y}`);
  while ((await page.locator('.bubble', { hasText: 'Extracted' }).count()) === 0) {
    await place.evaluate((it) => it.scrollTo(0, 0));
  }
  // All of it, in order, once.
  const said = (await bubbles(page)).map((text) => /^Add ingredient (\d+)/.exec(text)?.[1]);
  const all = Array.from({ length: 60 }, (_, n) => `${n + 1}`);
  assert.deepEqual(said.filter((n) => n !== undefined), all);
  const times = page.locator('.bubble.mine time');
  assert.equal(await times.count(), 61);
  assert.ok(Date.parse(await times.first().getAttribute('datetime')) > Date.now() - 300_000);
});

scene('who reads what was said before is told of new messages', TALK, async (world) => {
  const page = await talk(world, 8);
  await atEnd(page);
  // As when a keyboard comes up.
  await page.setViewportSize({ width: 1280, height: 500 });
  await atEnd(page);
  const place = page.locator('.scroll');
  await place.evaluate((it) => it.scrollTo(0, 0));
  const other = await world.tab(page.context(), path(page));
  await status(other, 'Connected');
  await say(other, 'Rename to Soup');
  const button = page.getByRole('button', { name: 'New messages' });
  await button.waitFor();
  assert.equal(await place.evaluate((it) => it.scrollTop), 0);
  await inspect(page, 'chat-new-messages');
  await button.click();
  await atEnd(page);
  await button.waitFor({ state: 'detached' });
});

scene('an answer stands under its question, also one that comes late', {}, async (world) => {
  const page = await world.kitchen();
  let late = null;
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      const { type, payload } = JSON.parse(String(frame));
      if (late === null && type === 'recipe_update' && payload.content?.includes('first')) {
        return void (late = () => socket.send(frame));
      }
      socket.send(frame);
    });
  });
  await page.reload();
  await status(page, 'Connected');
  await say(page, 'Add ingredient 1 first');
  await say(page, 'Add ingredient 2 second');
  await answer(page, 'Added “2 second”');
  late();
  await answer(page, 'Added “1 first”');
  const order = (await bubbles(page)).slice(-4).map((text) => text.split('.')[0]);
  assert.deepEqual(order, [
    'Add ingredient 1 first',
    'Added “1 first”',
    'Add ingredient 2 second',
    'Added “2 second”',
  ]);
});

scene('what was not understood is answered with three suggestions', {}, async (world) => {
  const page = await world.kitchen();
  await say(page, 'Sing me a song');
  const bubble = page.locator('.bubble.theirs', { hasText: 'I did not understand that' });
  // The fourth is the way to all others.
  assert.deepEqual((await bubble.locator('.sayable').allInnerTexts()).slice(3), ['Help']);
});
