// What goes wrong with servers, machines and browsers, and what the user sees of it.
import assert from 'node:assert/strict';
import { answer, create, inspect, PANCAKES, say, scene, signUp, status, wiretap } from './world.js';

const TITLE = "Grandmother's Pancakes";
const WATCHFUL = { LIMITS__PING: '2s' };
const mine = (page, text) => page.locator('.bubble.mine', { hasText: text });

scene('a server that stands still is not called connected', WATCHFUL, async (world) => {
  const page = await world.kitchen();
  world.freeze();
  await say(page, 'Add ingredient 3 apples');
  // Its text says why for the length of the wait, which may be short, and then that it connects.
  await page.locator('.status:not([data-color="green"])').waitFor();
  await page.getByText('Your message is kept here').waitFor();
  await inspect(page, 'fault-frozen');
  world.thaw();
  await status(page, 'Connected', 'green');
  await answer(page, 'Added “3 apples”.');
  assert.equal(await page.locator('.ingredients', { hasText: '3 apples' }).count(), 1);
  assert.equal(await mine(page, '3 apples').count(), 1);
});

scene('a page that is loaded anew while the server stands still says so', {}, async (world) => {
  const page = await world.kitchen();
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  world.freeze();
  await page.reload();
  await page.getByRole('heading', { name: TITLE }).waitFor();
  await status(page, 'The server cannot be reached', 'red');
  await inspect(page, 'fault-frozen-reload');
  world.thaw();
  await status(page, 'Connected', 'green');
});

scene('a server that is killed is told, and what was said is done once', {}, async (world) => {
  const page = await world.kitchen();
  await world.stop('SIGKILL');
  await status(page, 'The server cannot be reached', 'red');
  await say(page, 'Double it');
  await world.start();
  await status(page, 'Connected', 'green');
  await answer(page, 'Scaled from 4 to 8');
  assert.equal(await mine(page, 'Double it').count(), 1);
});

scene('a clock that jumps costs no connection', WATCHFUL, async (world) => {
  const context = await world.browser();
  await context.addInitScript(() => {
    const { now } = Date;
    let aheadMs = 0;
    Date.now = () => now() + aheadMs;
    window.jump = (ms) => void (aheadMs += ms);
  });
  const page = await world.tab(context);
  await signUp(page, 'ann@example.com');
  const tap = wiretap(page);
  await create(page, PANCAKES);
  const pings = () => tap.sent.filter(({ type }) => type === 'ping').length;
  for (const [ms, text] of [[86_400_000, 'Double it'], [-2 * 86_400_000, 'Halve it']]) {
    const before = pings();
    await page.evaluate((by) => window.jump(by), ms);
    // It may have been a sleep: the client asks.
    await tap.until(() => pings() > before);
    await say(page, text);
    await answer(page, 'Scaled from');
    await status(page, 'Connected', 'green');
  }
  assert.equal(tap.sockets, 1);
});

scene('without storage one cooks until the page is left', {}, async (world) => {
  const context = await world.browser();
  await context.addInitScript(() => {
    const denied = () => {
      throw new DOMException('Denied', 'SecurityError');
    };
    for (const name of ['localStorage', 'sessionStorage', 'caches']) {
      Object.defineProperty(window, name, { get: denied });
    }
  });
  const page = await world.tab(context);
  await signUp(page, 'ann@example.com');
  await create(page, PANCAKES);
  await say(page, 'Double it');
  await answer(page, 'Scaled from');
  await page.getByRole('checkbox', { name: /flour/ }).check();
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('link', { name: TITLE }).waitFor();
  await inspect(page, 'fault-no-storage');
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

scene('five tabs of one user go on after a restart', {}, async (world) => {
  const first = await world.kitchen();
  const tabs = [first];
  while (tabs.length < 5) tabs.push(await first.context().newPage());
  const refused = [];
  for (const page of tabs) {
    page.on('response', (heard) => heard.status() === 401 && refused.push(heard.url()));
    if (page !== first) await page.goto(first.url());
  }
  await Promise.all(tabs.map((page) => status(page, 'Connected', 'green')));
  await world.stop('SIGKILL');
  await Promise.all(tabs.map((page) => status(page, /Reconnecting|cannot be reached/)));
  await world.start();
  await Promise.all(tabs.map((page) => status(page, 'Connected', 'green')));
  await say(first, 'Double it');
  await Promise.all(tabs.map((page) => page.getByText('400 g').waitFor()));
  // One of them signs out, and none stays.
  await first.getByRole('button', { name: 'Sign out' }).click();
  await Promise.all(tabs.map((page) => page.getByRole('heading', { name: 'Sign in' }).waitFor()));
  assert.deepEqual(refused, []);
});

scene('a refresh that is to wait is not called a network that is away', {}, async (world) => {
  const page = await world.kitchen();
  await page.route(/auth\/refresh/, (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '30' }, json: {} }),
  );
  await page.goto(`${world.origin}/account`);
  await page.getByText('Your session could not be refreshed.').first().waitFor();
  assert.equal(await page.getByText('Check your connection').count(), 0);
});
