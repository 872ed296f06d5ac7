// Without the server: the page opens, with copies of what was read; and what tells of a new version.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { hold, inspect, PASSWORD, say, scene, signUp, status } from './world.js';

const TITLE = "Grandmother's Pancakes";
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Until the service worker has the page's files. */
const isKept = (page) => page.evaluate(async () => void (await navigator.serviceWorker.ready));
/** All that is in caches: the requests with their headers, and the answers. */
const cached = (page) =>
  page.evaluate(async () => {
    const all = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const key of await cache.keys()) {
        const text = await (await cache.match(key)).text();
        all.push({ name, url: key.url, headers: [...key.headers], text });
      }
    }
    return all;
  });
const copies = async (page) =>
  (await cached(page)).filter(({ name }) => name.startsWith('vestibule-copies-'));

for (const [size, options] of Object.entries({ wide: {}, phone: { ...PHONE, colorScheme: 'dark' } })) {
  scene(`list and recipe are read without the server: ${size}`, {}, async (world) => {
    const page = await world.kitchen('ann@example.com', undefined, options);
    const address = page.url();
    await say(page, 'Double it');
    await page.getByText('Scaled from').waitFor();
    await page.getByRole('link', { name: 'Recipes', exact: true }).click();
    await page.getByRole('link', { name: TITLE }).waitFor();
    await isKept(page);
    await world.stop();
    await page.reload();
    await page.getByText('This is your list as it was just now.').waitFor();
    await inspect(page, `offline-list-${size}`);
    await page.getByRole('link', { name: TITLE }).click();
    await page.getByText('Your copy, read just now.').waitFor();
    // As it was last, not as it was opened.
    await page.getByText('400 g').waitFor();
    await status(page, 'The server cannot be reached', 'red');
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    await hold(page);
    await inspect(page, `offline-recipe-${size}`);
    await page.goto(address);
    await page.getByText('400 g').waitFor();
    await world.start();
    await page.reload();
    await status(page, 'Connected');
    await page.getByText('Your copy').waitFor({ state: 'detached' });
  });
}

scene('no token is in a cache, and a sign-out clears the copies', {}, async (world) => {
  const page = await world.kitchen();
  await isKept(page);
  await page.waitForFunction(async () => (await caches.keys()).length === 2);
  const tokens = await page.evaluate(() => JSON.stringify(localStorage));
  const refresh = /"refresh_token\\*":\\*"([^"\\]+)/.exec(tokens)?.[1];
  assert.ok(refresh?.length > 20, tokens);
  const all = await cached(page);
  assert.ok(all.some(({ text }) => text.includes('200 g flour')));
  for (const { url, headers, text } of all) {
    assert.ok(!text.includes(refresh) && !text.includes('eyJ'), url);
    assert.ok(!headers.some(([name]) => name === 'authorization'), url);
  }
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.waitForFunction(async () => (await caches.keys()).length === 1);
  assert.deepEqual(await copies(page), []);
});

scene("a deleted account's and another user's copies go", {}, async (world) => {
  const page = await world.kitchen();
  await page.waitForFunction(async () =>
    (await caches.keys()).some((name) => name.startsWith('vestibule-copies-')));
  // Another user signs in where the session has ended.
  await page.evaluate(() => localStorage.removeItem('vestibule.tokens'));
  await page.goto(world.origin);
  await signUp(page, 'bob@example.com');
  await page.getByText('What shall we cook?').waitFor();
  await page.waitForFunction(async () => {
    const { id } = JSON.parse(localStorage.getItem('vestibule.user'));
    const names = (await caches.keys()).filter((name) => name.startsWith('vestibule-copies-'));
    return names.length === 1 && names[0].endsWith(id);
  });
  assert.ok((await copies(page)).every(({ text }) => !text.includes('flour')));
  await page.goto(`${world.origin}/account`);
  await page.getByLabel('Your password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Delete my account' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.waitForFunction(async () =>
    (await caches.keys()).every((name) => !name.startsWith('vestibule-copies-')));
});

scene('a recipe that is gone leaves no copy', {}, async (world) => {
  const page = await world.kitchen();
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('button', { name: `Actions for ${TITLE}` }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText(`${TITLE} is deleted.`).waitFor();
  await page.goto(`${world.origin}/account`);
  // The page said so when it was left, and waits for no answer: the next one could be faster.
  const me = { email: 'ann@example.com', password: PASSWORD };
  const { access_token: token } = await world.post('/v1/auth/signin', me);
  const headers = { authorization: `Bearer ${token}` };
  const list = async () => (await fetch(`${world.origin}/v1/recipes`, { headers })).json();
  for (let tries = 0; (await list()).recipes.length > 0; tries++) {
    assert.ok(tries < 150, 'the server was not told');
    await page.waitForTimeout(100);
  }
  await page.goto(world.origin);
  await page.getByText('What shall we cook?').waitFor();
  await page.waitForFunction(async () => {
    for (const name of await caches.keys()) {
      if (!name.startsWith('vestibule-copies-')) continue;
      const keys = await (await caches.open(name)).keys();
      return keys.every(({ url }) => url.endsWith('/list'));
    }
    return false;
  });
});

scene('the page can be installed', {}, async (world) => {
  const page = await world.member('ann@example.com');
  const session = await page.context().newCDPSession(page);
  const { url, errors, data } = await session.send('Page.getAppManifest');
  assert.equal(url, `${world.origin}/manifest.webmanifest`);
  assert.deepEqual(errors, []);
  for (const { src, type } of JSON.parse(data).icons) {
    const icon = await fetch(world.origin + src);
    assert.equal(icon.headers.get('content-type'), type);
    assert.equal(icon.status, 200);
  }
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A window of a test is a private one.
  const ids = installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito');
  assert.deepEqual(ids, []);
});

/** A way to the server on which the service worker can become another one. */
async function proxy(world) {
  let version = '';
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const isWorker = url === '/worker.js';
    if (isWorker && version !== '') {
      answer.writeHead(200, { 'content-type': 'text/javascript' });
      return fetch(world.origin + url).then(async (got) => answer.end((await got.text()) + version));
    }
    const on = request(world.origin + url, { method, headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    on.on('error', () => answer.destroy());
    asked.pipe(on);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    renew: () => (version = '\n// Another version.'),
    close: () => server.closeAllConnections() ?? server.close(),
  };
}

scene('a new version is announced, and comes when the user says so', {}, async (world) => {
  const way = await proxy(world);
  try {
    const context = await world.browser({ extraOrigins: [way.origin] });
    const page = await context.newPage();
    await page.goto(way.origin);
    await signUp(page, 'ann@example.com');
    await isKept(page);
    const worker = () => page.evaluate(() => navigator.serviceWorker.controller?.state);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.reload();
    await page.getByText('What shall we cook?').waitFor();
    assert.equal(await page.getByText('A new version is ready.').count(), 0);
    way.renew();
    // What the browser does by itself at a navigation, sooner or later.
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      await registration.update();
    });
    await page.getByText('A new version is ready.').waitFor();
    await inspect(page, 'update');
    assert.equal(await worker(), 'activated');
    const loaded = page.waitForEvent('load');
    await page.getByRole('button', { name: 'Reload' }).click();
    await loaded;
    await page.getByText('What shall we cook?').waitFor();
    assert.equal(await page.getByText('A new version is ready.').count(), 0);
  } finally {
    way.close();
  }
});
