// What becomes of a connection, as the user sees it.
import assert from 'node:assert/strict';
import { hold, release, SECURE, shoot, waitForHeld, wiretap } from './world.js';
import { answer, inspect, PASSWORD, say, scene, signIn, status } from './world.js';

const BANNER = '.banner';
const mine = (page, text) => page.locator('.bubble.mine', { hasText: text });

scene('everything works over TLS, and goes on after a restart', SECURE, async (world) => {
  const page = await world.kitchen();
  assert.match(page.url(), /^https:/);
  await say(page, 'Double it');
  await answer(page, 'Scaled from');
  await hold(page);
  await world.stop('SIGTERM');
  await status(page, 'Reconnecting', 'yellow');
  await world.start();
  await release(page);
  await status(page, 'Connected', 'green');
  await say(page, 'Add step Serve with apples');
  await page.locator('.steps li', { hasText: 'Serve with apples' }).waitFor();
});

scene('who is not authenticated in time is told, and tries again', {
  AUTH__TIMEOUT: '1s',
}, async (world) => {
  const page = await world.kitchen();
  let isLost = true;
  // The `auth` gets lost on its way.
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => isLost || server.send(frame));
  });
  await page.reload();
  await status(page, 'Authenticating…', 'yellow');
  await shoot(page, 'connection-authenticating');
  await status(page, 'The server does not answer. Reconnecting', 'yellow');
  await inspect(page, 'connection-authentication-timeout');
  isLost = false;
  await status(page, 'Connected', 'green');
});

scene('re-authentication is yellow, and chat goes on', {
  AUTH__REAUTH_AFTER: '2s',
  AUTH__REAUTH_SPREAD: '0s',
}, async (world) => {
  const page = await world.kitchen();
  const tap = wiretap(page);
  // A refresh that takes as long as the test wants.
  let release = () => {};
  let hold = new Promise((resolve) => (release = resolve));
  await page.route(/auth\/refresh/, async (route) => {
    await hold;
    await route.continue();
  });
  release();
  await page.reload();
  await status(page, 'Connected');
  const isAuth = ({ type }) => type === 'auth';
  await tap.until(() => tap.sent.filter(isAuth).length >= 3);

  hold = new Promise((resolve) => (release = resolve));
  await status(page, 'Refreshing connection…', 'yellow');
  await say(page, 'Double it');
  await answer(page, 'Scaled from');
  await status(page, 'Refreshing connection…', 'yellow');
  await inspect(page, 'connection-refreshing');
  release();
  await page.locator('.status', { hasText: /^\s*Connected$/ }).waitFor();
  assert.equal(tap.sockets, 1);
});

scene('what is said while the server restarts is kept, told, and done once', {}, async (world) => {
  const page = await world.kitchen();
  await hold(page);
  await world.stop('SIGTERM');
  await status(page, 'Reconnecting', 'yellow');
  await say(page, 'Add ingredient 3 apples');
  await say(page, 'Add step Serve with apples');
  await page.locator(BANNER, { hasText: 'Your 2 messages are kept here' }).waitFor();
  assert.equal(await page.getByText('Waiting for the connection').count(), 2);
  await inspect(page, 'connection-queued');
  await world.start();
  await release(page);
  await page.getByRole('checkbox', { name: '3 apples' }).waitFor();
  await page.locator('.steps li', { hasText: 'Serve with apples' }).waitFor();
  await page.locator(BANNER).waitFor({ state: 'detached' });
  await page.reload();
  await status(page, 'Connected');
  assert.equal(await page.getByRole('checkbox', { name: '3 apples' }).count(), 1);
  assert.equal(await mine(page, 'Add ingredient 3 apples').count(), 1);
  assert.equal(await mine(page, 'Serve with apples').count(), 1);
});

scene('a message whose answer was lost with the server is done once', {}, async (world) => {
  const page = await world.kitchen();
  let isLossy = true;
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      const { request_id } = JSON.parse(String(frame)).payload;
      if (!isLossy || !request_id?.startsWith('msg_')) return socket.send(frame);
      // It is in the database, and nobody knows but the server.
      isLossy = false;
      void world.stop().then(() => world.start());
    });
  });
  await page.reload();
  await status(page, 'Connected');
  await say(page, 'Add ingredient 7 plums');
  await answer(page, 'Added “7 plums”');
  assert.ok(!isLossy);
  assert.equal(await page.getByRole('checkbox', { name: '7 plums' }).count(), 1);
});

scene('a server that is gone is red, and one may try', {}, async (world) => {
  const page = await world.kitchen();
  await world.stop();
  await status(page, 'The server cannot be reached. Trying again', 'red');
  await hold(page);
  await inspect(page, 'connection-unreachable');
  await waitForHeld(page);
  await world.start();
  await page.getByRole('button', { name: 'Try now' }).click();
  await status(page, 'Connected', 'green');
});

scene('offline one goes on writing, and it is sent when one is back', {}, async (world) => {
  const page = await world.kitchen();
  await page.context().setOffline(true);
  await status(page, 'You are offline', 'yellow');
  await page.locator(BANNER, { hasText: 'What you write is kept here' }).waitFor();
  await say(page, 'Rename to Sunday pancakes');
  await page.locator(BANNER, { hasText: 'Your message is kept here' }).waitFor();
  assert.equal(await page.getByText('Sending…').count(), 0);
  assert.equal(await page.getByText('Connected', { exact: true }).count(), 0);
  await world.stop();
  await inspect(page, 'connection-offline');
  await world.start();
  await page.context().setOffline(false);
  await page.getByRole('heading', { name: 'Sunday pancakes' }).waitFor();
  await page.locator(BANNER).waitFor({ state: 'detached' });
  assert.equal(await mine(page, 'Rename to Sunday pancakes').count(), 1);
});

scene('a list that cannot be loaded says so, and is loaded again', {}, async (world) => {
  const page = await world.kitchen();
  await world.stop();
  await page.getByRole('link', { name: 'Recipes', exact: true }).click();
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await inspect(page, 'list-unreachable');
  await world.start();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('link', { name: "Grandmother's Pancakes" }).waitFor();
});

scene('the recipe comes first, and then the connection', {}, async (world) => {
  const page = await world.kitchen();
  // A socket that never opens.
  let sockets = 0;
  await page.routeWebSocket(/\/v1\/chat\//, () => void sockets++);
  let release = () => {};
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/\/v1\/recipes\/[^/]+$/, async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.getByRole('heading', { name: 'Loading the recipe…' }).waitFor();
  await inspect(page, 'recipe-loading');
  assert.equal(sockets, 0);
  release();
  await page.getByRole('checkbox', { name: '200 g flour' }).waitFor();
  await page.getByText('One moment, the chat is on its way.').waitFor();
  await shoot(page, 'recipe-before-connection');
});

scene('a recipe that cannot be reached is not said to be loading', {}, async (world) => {
  const me = { email: 'ann@example.com', password: PASSWORD };
  const page = await world.member(me.email);
  // Nobody has opened it in this browser, so there is no copy.
  const { access_token } = await world.post('/v1/auth/signin', me);
  const soup = { title: 'Soup', ingredients: [{ text: '200 g flour' }] };
  await world.post('/v1/recipes', soup, access_token);
  await page.reload();
  const link = page.getByRole('link', { name: 'Soup', exact: true });
  await link.waitFor();
  await world.stop();
  await link.click();
  await status(page, 'The server cannot be reached', 'red');
  await hold(page);
  await page.getByText('It could not be loaded').waitFor();
  assert.equal(await page.getByText('Loading the recipe…').count(), 0);
  await inspect(page, 'recipe-unreachable');
  await waitForHeld(page);
  await world.start();
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('checkbox', { name: '200 g flour' }).waitFor();
  await release(page);
});

scene('a refused token asks to sign in', {}, async (world) => {
  const page = await world.kitchen();
  let isForged = true;
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      const message = JSON.parse(String(frame));
      if (message.type === 'auth' && isForged) message.payload.token += 'x';
      server.send(JSON.stringify(message));
    });
  });
  await page.reload();
  await status(page, 'Authentication failed. Please try again.', 'red');
  await inspect(page, 'connection-refused');
  isForged = false;
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await page.getByText('The server did not accept your session.').waitFor();
  // The refresh token is as good as before.
  assert.match(await page.evaluate(() => localStorage.getItem('vestibule.tokens')), /refresh_token/);
  await signIn(page, 'ann@example.com');
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
});

scene('who was signed out by an operator is not told of an expiry', {}, async (world) => {
  const page = await world.kitchen();
  await page.routeWebSocket(/\/v1\/chat\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      socket.send(frame);
      void socket.close({ code: 1008, reason: 'Session revoked' });
    });
  });
  await page.reload();
  await status(page, 'You were signed out. Please sign in again.', 'red');
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await page.getByText('You were signed out. Please sign in again, and').waitFor();
  assert.equal(await page.getByText('Session expired').count(), 0);
});
