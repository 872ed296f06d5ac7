// A server of our own, a browser, and what all tests do with them. Ends with the test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { chromium } from 'playwright-core';
import { finest, follow, known } from '../../client/scripts/logs.js';

const PATIENCE_MS = 15_000;
const SHOTS = join(import.meta.dirname, 'test-output');
const BINARY = resolve(
  import.meta.dirname,
  process.env['BINARY'] ?? '../../target/release/vestibule',
);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const PASSWORD = known('correct horse battery');

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  // Whatever is not this machine has no address.
  args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});
mkdirSync(SHOTS, { recursive: true });
after(() => browser.close());

const TLS = join(import.meta.dirname, '../fixtures/tls');
/** A configuration with which a server speaks TLS. */
export const SECURE = {
  TLS__CERT_FILE: join(TLS, 'p256.pem'),
  TLS__KEY_FILE: join(TLS, 'p256.key.pem'),
};

/** A configuration with which `stats` works. The socket is in the server's own folder. */
export const WITH_STATS = { ADMIN__LISTEN: 'unix:admin.sock' };

/** A test with a server of its own: `env` is its configuration. */
export function scene(name, env, play) {
  test(name, { timeout: 120_000 }, async () => {
    const world = new World(env);
    try {
      await world.start();
      await play(world);
      assert.deepEqual(world.complaints, []);
    } catch (fault) {
      await world.picture(name);
      throw fault;
    } finally {
      await world.end();
    }
  });
}

/** What a browser says of a server that is away; everything else is a complaint. */
const EXPECTED = /WebSocket connection to|Failed to load resource|net::ERR_|error occurred when fetching the script/;

class World {
  /** Errors in the console: exceptions, and what the page's policy did not allow. */
  complaints = [];
  #asked = [];
  #folder = mkdtempSync(join(tmpdir(), 'vestibule-page-'));
  #contexts = [];
  #process = null;
  #address = '127.0.0.1:0';
  #env;

  constructor(env) {
    // As cheap as hashes may be.
    const cheap = { ACCOUNTS__ARGON2_MEMORY: '7MiB', ACCOUNTS__ARGON2_ITERATIONS: '1' };
    const named = Object.entries({ ADMIN__LISTEN: '', ...cheap, ...env });
    this.#env = Object.fromEntries(named.map(([key, value]) => [`VESTIBULE_${key}`, value]));
  }

  get origin() {
    const isSecure = 'VESTIBULE_TLS__CERT_FILE' in this.#env;
    return `${isSecure ? 'https' : 'http'}://${this.#address}`;
  }

  /** Again on the same port, if it ran before. */
  async start() {
    const args = ['serve', '--listen', this.#address, '--data', this.#folder];
    const child = spawn(BINARY, args, { env: finest(this.#env), cwd: this.#folder });
    follow('page', child);
    this.#process = child;
    let said = '';
    this.#address = await new Promise((found, fail) => {
      const read = (chunk) => {
        said += chunk;
        const match = /\/\/(127\.0\.0\.1:\d+)/.exec(said);
        if (match) found(match[1]);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('error', fail);
      child.on('exit', (code) => fail(new Error(`the server ended with ${code}:\n${said}`)));
    });
  }

  stop(signal = 'SIGKILL') {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  }

  /** Stops the server for a while, as a machine without memory does: its sockets stay open. */
  freeze() {
    this.#process.kill('SIGSTOP');
  }

  thaw() {
    this.#process.kill('SIGCONT');
  }

  async end() {
    for (const context of this.#contexts) await context.close();
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What all tabs show, and what they asked: for a test that failed. */
  async picture(name) {
    const pages = this.#contexts.flatMap((context) => context.pages());
    const file = `failed-${name.replace(/\W+/g, '-')}`;
    for (const [n, page] of pages.entries()) await shoot(page, `${file}-${n}`);
    console.log(this.#asked.join('\n'));
  }

  /** A browser with its own storage. `extraOrigins` are other ways to the server. */
  async browser({ extraOrigins = [], ...options } = {}) {
    const viewport = { width: 1280, height: 800 };
    // A certificate that is its own root: that it is believed is not what is tested.
    const ignoreHTTPSErrors = true;
    const context = await browser.newContext({ viewport, ignoreHTTPSErrors, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(makeTimersHoldable);
    context.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' && !EXPECTED.test(text)) this.complaints.push(text);
    });
    context.on('weberror', (fault) => this.complaints.push(String(fault.error())));
    context.on('request', (request) => {
      const origins = [this.origin, ...extraOrigins];
      if (!origins.some((origin) => request.url().startsWith(origin))) this.complaints.push(`asked ${request.url()}`);
    });
    const ask = (what) => this.#asked.push(`${Math.round(performance.now())} ms: ${what}`);
    context.on('request', (request) => ask(`${request.method()} ${request.url()}`));
    context.on('response', (answer) => ask(`${answer.status()} ${answer.url()}`));
    context.on('requestfailed', (request) => ask(`${request.failure()?.errorText}`));
    this.#contexts.push(context);
    return context;
  }

  async tab(context, path = '/') {
    const page = await (context ?? (await this.browser())).newPage();
    await page.goto(this.origin + path);
    return page;
  }

  /** What a program asks over HTTP. */
  async post(path, body, token) {
    const headers = { 'content-type': 'application/json' };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(this.origin + path, init)).json();
  }

  /** What the server has counted since its start. */
  async stats() {
    const socketPath = join(this.#folder, 'admin.sock');
    const options = { socketPath, path: '/v1/stats', headers: { host: 'localhost' } };
    return json(await new Promise((found, fail) => get(options, found).on('error', fail)));
  }

  /** A page of somebody who has just signed up. */
  async member(email, options) {
    const page = await this.tab(await this.browser(options));
    await signUp(page, email);
    return page;
  }

  /** The page of a new recipe, connected. */
  async kitchen(email = 'ann@example.com', text = PANCAKES, options) {
    const page = await this.member(email, options);
    await create(page, text);
    return page;
  }
}

export const PANCAKES = `Grandmother's Pancakes
Serves 4
Prep: 10 minutes, cook: 20 minutes
Tags: breakfast, sweet

Ingredients:
200 g flour
2 eggs
300 ml milk
1 pinch of salt
2 tbsp butter, melted

Steps:
1. Whisk the flour, eggs and milk until there are no lumps left.
2. Stir in the melted butter and the salt; let the batter rest for 20 minutes.
3. Fry thin pancakes in a hot pan, about a minute on each side.`;

export async function signUp(page, email) {
  await page.getByRole('button', { name: 'Create one' }).click();
  await fill(page, email);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByRole('heading', { name: 'Recipes', level: 1 }).waitFor();
}

export async function fill(page, email, password = PASSWORD) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
}

export async function signIn(page, email) {
  await fill(page, email);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** From the list; `text` null: an empty one. */
export async function create(page, text) {
  await page.getByRole('link', { name: 'New recipe' }).first().click();
  if (text === null) {
    await page.getByRole('button', { name: 'Start empty' }).click();
  } else {
    await page.getByLabel(/^Paste a recipe/).fill(text);
    await page.getByRole('button', { name: 'Read this recipe' }).click();
    await answer(page, 'Extracted');
  }
  await status(page, 'Connected');
}

export async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

/** What the assistant said, or somebody in another tab. */
export const answer = (page, text) => page.locator('.bubble', { hasText: text }).last().waitFor();

/** Until the indicator says so. */
export const status = (page, text, color) =>
  page
    .locator(`.status${color === undefined ? '' : `[data-color="${color}"]`}`, { hasText: text })
    .waitFor();

/** Runs in the page before its own scripts: `hold` can then keep its timers from expiring. */
function makeTimersHoldable() {
  const { setTimeout, clearTimeout } = window;
  const expired = new Map();
  window.heldTimers = { setTimeout, expired, isHolding: false };
  window.setTimeout = (expire, ms, ...args) => {
    const id = setTimeout(() => {
      if (window.heldTimers.isHolding) expired.set(id, () => expire(...args));
      else expire(...args);
    }, ms);
    return id;
  };
  window.clearTimeout = (id) => {
    clearTimeout(id);
    expired.delete(id);
  };
}

/** From now on the page does nothing because time has passed: it does not reconnect by itself. */
export const hold = (page) => page.evaluate(() => void (window.heldTimers.isHolding = true));

/** Until a timer of a page on hold has expired: it waits to reconnect, and will not. */
export const waitForHeld = (page) => page.waitForFunction(() => window.heldTimers.expired.size > 0);

/** Lets time pass again in a page on hold. What has expired meanwhile is done now. */
export const release = (page) =>
  page.evaluate(() => {
    const { heldTimers } = window;
    heldTimers.isHolding = false;
    const due = [...heldTimers.expired.values()];
    heldTimers.expired.clear();
    for (const expire of due) expire();
  });

export const shoot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`) });

/** No violation of what axe knows, no scrolling sideways; and a picture. */
export async function inspect(page, name) {
  await shoot(page, name);
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assert.equal(wide, 0, `${name} is wider than the window`);
  const small = await page.evaluate(smallTargets);
  assert.deepEqual(small, [], `${name} has targets for small fingers`);
  // Not by a script element, which the page's policy refuses, as it should.
  const load = `(0, function (setTimeout) { ${AXE} }).call(window, heldTimers.setTimeout)`;
  await page.evaluate(`typeof axe === 'object' || ${load}`);
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`);
  });
  assert.deepEqual(violations, [], name);
}

/** On a phone: what one can hit that is not 44 pixels high and wide. A box is hit by its label. */
function smallTargets() {
  if (!matchMedia('(pointer: coarse)').matches) return [];
  const all = document.querySelectorAll('button, a[href], input, select, textarea');
  return [...all].flatMap((target) => {
    // The whole tile is its link, and what is skipped to needs a keyboard.
    if (target.closest('.tile h2, .skip') !== null) return [];
    const { width, height } = (target.closest('label') ?? target).getBoundingClientRect();
    const isHidden = width === 0 && height === 0;
    return isHidden || (width >= 44 && height >= 44)
      ? []
      : [`${target.outerHTML.slice(0, 80)}: ${width} x ${height}`];
  });
}

/** Counts what goes over the sockets of a page from now on. */
export function wiretap(page) {
  const tap = { sockets: 0, sent: [], received: [] };
  let look = () => {};
  const read = (into) => ({ payload }) => {
    into.push(JSON.parse(String(payload)));
    look();
  };
  page.on('websocket', (socket) => {
    tap.sockets++;
    socket.on('framesent', read(tap.sent));
    socket.on('framereceived', read(tap.received));
  });
  /** Until `done` says so, asked at each message. */
  tap.until = (done) =>
    new Promise((found, fail) => {
      const timer = setTimeout(() => fail(new Error(`never: ${done}`)), PATIENCE_MS);
      look = () => {
        if (!done()) return;
        clearTimeout(timer);
        found();
      };
      look();
    });
  return tap;
}
