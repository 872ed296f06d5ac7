// Signing up, in and out, and what a browser keeps of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { known } from '../../client/scripts/logs.js';
import { fill, inspect, PASSWORD, scene, signIn, signUp, status } from './world.js';

scene('a form says what is wrong, at the field, and takes the focus there', {}, async (world) => {
  const page = await world.tab();
  const email = page.getByLabel('Email');
  const password = page.getByLabel('Password', { exact: true });
  const isFocused = (field) => field.evaluate((input) => input === document.activeElement);
  await page.getByRole('button', { name: 'Create one' }).click();
  const submit = page.getByRole('button', { name: 'Create an account' });

  await submit.click();
  await page.getByText('Enter your email address.').waitFor();
  assert.ok(await isFocused(email));
  const about = await email.getAttribute('aria-describedby');
  assert.equal(await page.locator(`[id="${about}"]`).innerText(), 'Enter your email address.');

  await fill(page, 'ann', PASSWORD);
  await submit.click();
  await page.getByText('Enter a whole address, such as ann@example.com.').waitFor();

  await fill(page, 'ann@example.com', 'short');
  await submit.click();
  await page.getByText('Use at least 8 characters.').waitFor();
  assert.ok(await isFocused(password));

  // What only the server finds.
  await fill(page, 'ann@-example-.com', PASSWORD);
  await submit.click();
  await page.getByText('Must be an address such as ann@example.com.').waitFor();
  assert.ok(await isFocused(email));
});

scene('one signs up, out and in again; a wrong password is told', {}, async (world) => {
  const page = await world.member('ann@example.com');
  await page.getByText('What shall we cook?').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();

  await fill(page, 'ann@example.com', 'not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('The email or the password is wrong.').waitFor();
  await signIn(page, 'ann@example.com');
  await page.getByText('What shall we cook?').waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Create one' }).click();
  await fill(page, 'ann@example.com');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByText('There is an account with this email already.').waitFor();
  await page.getByRole('button', { name: 'Sign in with it' }).click();
  assert.equal(await page.getByLabel('Email').inputValue(), 'ann@example.com');
});

scene('password managers know the fields', {}, async (world) => {
  const page = await world.tab();
  const hints = () =>
    page.locator('input').evaluateAll((all) => all.map((input) => input.autocomplete));
  assert.deepEqual(await hints(), ['username', 'current-password']);
  await page.getByRole('button', { name: 'Create one' }).click();
  assert.deepEqual(await hints(), ['username', 'new-password']);
});

scene('the access token is kept in memory alone, and a reload gets another', {}, async (world) => {
  const page = await world.member('ann@example.com');
  const kept = () => page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  assert.doesNotMatch(await kept(), /eyJ/);
  assert.match(await kept(), /refresh_token/);
  await page.reload();
  await page.getByText('What shall we cook?').waitFor();
  assert.doesNotMatch(await kept(), /eyJ/);
  await page.getByRole('button', { name: 'Sign out' }).click();
  assert.equal(await kept(), '[{},{}]');
});

scene('signing out in one tab is signing out in all', {}, async (world) => {
  const page = await world.kitchen();
  const other = await world.tab(page.context(), new URL(page.url()).pathname);
  await status(other, 'Connected');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await other.getByText('You signed out in another tab.').waitFor();
  await signIn(page, 'ann@example.com');
  await status(other, 'Connected');
});

scene('a tab does not stay with one user when another signs in', {}, async (world) => {
  const page = await world.kitchen();
  const other = await world.tab(page.context(), new URL(page.url()).pathname);
  await status(other, 'Connected');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signUp(page, 'bob@example.com');
  await other.getByText('No such recipe').waitFor();
  await other.getByText('bob@example.com').waitFor();
});

const SHORT = { ACCOUNTS__ACCESS_TTL: '4s', ACCOUNTS__REFRESH_TTL: '1h' };

scene('two tabs that refresh at once stay signed in', SHORT, async (world) => {
  const page = await world.kitchen();
  const path = new URL(page.url()).pathname;
  const other = await world.tab(page.context(), path);
  await status(other, 'Connected');
  const refused = [];
  for (const tab of [page, other]) {
    tab.on('response', (answer) => answer.status() === 401 && refused.push(answer.url()));
  }
  // Both load, and both begin with a refresh; and again, each without the other's access token.
  for (let round = 0; round < 3; round++) {
    await Promise.all([page.reload(), other.reload()]);
    await Promise.all([status(page, 'Connected'), status(other, 'Connected')]);
  }
  // Then both are asked for a new token on their connections, at the same time.
  await Promise.all([
    page.waitForResponse(/auth\/refresh/),
    other.waitForResponse(/auth\/refresh/),
  ]);
  await Promise.all([status(page, 'Connected'), status(other, 'Connected')]);
  assert.deepEqual(refused, []);
});

scene('a session that ended asks to sign in, and goes on where one was', SHORT, async (world) => {
  const page = await world.kitchen();
  const address = page.url();
  // As if another device had ended it.
  const stored = await page.evaluate(() => localStorage.getItem('vestibule.tokens'));
  await world.post('/v1/auth/logout', { refresh_token: JSON.parse(stored).refresh_token });
  await page.getByText('You are signed out. Please sign in again, and').waitFor();
  await inspect(page, 'session-ended');
  assert.equal(page.url(), address);
  await signIn(page, 'ann@example.com');
  await status(page, 'Connected');
  await page.getByRole('heading', { name: "Grandmother's Pancakes" }).waitFor();
  assert.equal(page.url(), address);
});

const NEW = known('purple carrot umbrella');

scene('the password is changed, and that ends the other sessions', {}, async (world) => {
  const page = await world.member('ann@example.com');
  const me = { email: 'ann@example.com', password: PASSWORD };
  const { refresh_token } = await world.post('/v1/auth/signin', me);
  await page.getByRole('link', { name: 'ann@example.com' }).click();
  await page.getByText('This browser').waitFor();
  await page.getByText('Another browser or program').waitFor();
  const submit = page.getByRole('button', { name: 'Change the password' });
  await page.getByLabel('Current password').fill('not the password');
  await page.getByLabel('New password').fill(NEW);
  await submit.click();
  await page.getByText('The password is wrong.').waitFor();
  await inspect(page, 'account-refused');
  await page.getByLabel('Current password').fill(PASSWORD);
  await submit.click();
  await page.getByText('It is changed, and all other sessions have ended.').waitFor();
  await page.getByText('Another browser or program').waitFor({ state: 'detached' });
  await page.getByText('This browser').waitFor();
  assert.equal((await world.post('/v1/auth/refresh', { refresh_token })).error, 'invalid_token');
  assert.equal((await world.post('/v1/auth/signin', me)).error, 'invalid_credentials');
  await inspect(page, 'account');
});

scene('a session is ended from another, and all of them at once', {}, async (world) => {
  const page = await world.member('ann@example.com');
  const me = { email: 'ann@example.com', password: PASSWORD };
  const { refresh_token } = await world.post('/v1/auth/signin', me);
  await page.goto(`${world.origin}/account`);
  await page.getByRole('button', { name: 'End', exact: true }).click();
  await page.getByText('Another browser or program').waitFor({ state: 'detached' });
  assert.equal((await world.post('/v1/auth/refresh', { refresh_token })).error, 'invalid_token');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

scene('the data are saved as a file, and the account is deleted', {}, async (world) => {
  const page = await world.kitchen();
  await page.getByRole('link', { name: 'ann@example.com' }).click();
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as a file' }).click();
  const saved = JSON.parse(readFileSync(await (await coming).path(), 'utf8'));
  assert.equal(saved.user.email, 'ann@example.com');
  assert.deepEqual(saved.recipes.map(({ steps }) => steps.length), [3]);
  await page.getByLabel('Your password').fill('not the password');
  await page.getByRole('button', { name: 'Delete my account' }).click();
  await page.getByText('The password is wrong.').waitFor();
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Delete my account' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  const me = { email: 'ann@example.com', password: PASSWORD };
  assert.equal((await world.post('/v1/auth/signin', me)).error, 'invalid_credentials');
});

scene('everything can be done with the keyboard', {}, async (world) => {
  const page = await world.tab();
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  /** A new screen begins at its heading. */
  const arrive = (text) =>
    page.waitForFunction((text) => document.activeElement?.textContent === text, text);

  await page.getByLabel('Email').focus();
  // Password, show, submit, the way to sign up.
  await press('Tab', 'Tab', 'Tab', 'Tab', 'Enter');
  await arrive('Create an account');
  await press('Tab');
  await page.keyboard.type('ann@example.com');
  await press('Tab');
  await page.keyboard.type(PASSWORD);
  await press('Enter');
  await arrive('Recipes');
  await page.getByText('What shall we cook?').waitFor();
  await press('Tab', 'Enter');
  await arrive('New recipe');
  await press('Tab', 'Tab', 'Tab', 'Enter');
  await status(page, 'Connected');
  await arrive('New recipe');
  const isInput = () => page.evaluate(() => document.activeElement?.tagName === 'TEXTAREA');
  for (let tabs = 0; !(await isInput()); tabs++) {
    assert.ok(tabs < 12, 'the message field is not far');
    await press('Tab');
  }
  await page.keyboard.type('Rename to Soup');
  await press('Enter');
  await page.getByRole('heading', { name: 'Soup' }).waitFor();
  assert.ok(await isInput(), 'one goes on typing');
  // What is typed there is text; elsewhere one key is enough, and so is a link.
  await page.keyboard.type('1/2');
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), '1/2');
  await page.getByRole('heading', { name: 'Soup' }).focus();
  await press('/');
  assert.ok(await isInput(), 'a key goes there');
  await page.getByRole('main').focus();
  await press('Tab', 'Enter');
  assert.ok(await isInput(), 'a link goes there');
  // A key alone can be turned off, and stays so.
  await page.goto(`${world.origin}/account`);
  // The sessions come later, and move what is below them.
  await page.getByText('This browser').waitFor();
  await page.getByRole('switch', { name: 'The key / goes to the message' }).uncheck();
  await page.goto(world.origin);
  await page.getByRole('link', { name: 'Soup' }).click();
  await status(page, 'Connected');
  await page.getByRole('heading', { name: 'Soup' }).focus();
  await press('/');
  assert.ok(!(await isInput()), 'the key is off');
  await page.getByRole('main').focus();
  await press('Tab', 'Enter');
  assert.ok(await isInput(), 'the link is not');
});
