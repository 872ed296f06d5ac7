// How the binary serves the page.
import assert from 'node:assert/strict';
import { scene } from './world.js';

scene('the page is asked for again, and its files are kept', {}, async (world) => {
  const get = (path, headers = {}, method = 'GET') =>
    fetch(world.origin + path, { method, headers });
  const page = await get('/');
  const html = await page.text();
  assert.equal(page.headers.get('cache-control'), 'no-cache');
  const tag = page.headers.get('etag');
  assert.equal((await get('/recipes/soup', { 'if-none-match': tag })).status, 304);
  assert.equal((await get('/', {}, 'HEAD')).status, 200);
  assert.equal((await get('/', {}, 'POST')).status, 405);
  assert.equal((await get('/assets/nothing.js')).status, 404);
  const files = [...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path);
  assert.equal(files.length, 4);
  for (const path of files) {
    const file = await get(path);
    assert.equal(file.status, 200, path);
    assert.match(file.headers.get('cache-control'), /immutable/);
    assert.equal(file.headers.get('x-content-type-options'), 'nosniff');
  }
});

scene('a path without anything has the page that says so', {}, async (world) => {
  const page = await world.member('ann@example.com');
  const answer = await page.goto(`${world.origin}/anything`);
  assert.equal(answer.status(), 404);
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  await page.getByRole('link', { name: 'All recipes', exact: true }).click();
  await page.getByText('What shall we cook?').waitFor();
  assert.equal(new URL(page.url()).pathname, '/');
});

scene('the policy is kept: no text is a script, and nothing is sent elsewhere', {}, async (world) => {
  const page = await world.tab();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  const refused = await page.evaluate(async () => {
    const seen = [];
    addEventListener('securitypolicyviolation', ({ effectiveDirective: d }) => seen.push(d));
    const script = document.createElement('script');
    try {
      script.textContent = 'window.isBroken = true';
      document.head.append(script);
    } catch {
      // Trusted Types.
    }
    try {
      document.body.innerHTML = '<b>text</b>';
    } catch {
      // Trusted Types.
    }
    await fetch('http://127.0.0.2:9/').catch(() => {});
    const socket = await new Promise((resolve) => {
      try {
        new WebSocket('ws://127.0.0.2:9/').onerror = () => resolve('refused');
      } catch {
        resolve('refused');
      }
    });
    return { seen, socket, isBroken: window.isBroken === true };
  });
  assert.equal(refused.isBroken, false);
  assert.equal(refused.socket, 'refused');
  for (const directive of ['require-trusted-types-for', 'connect-src']) {
    assert.ok(refused.seen.includes(directive), `${directive}: ${refused.seen}`);
  }
  // That is what this was about.
  world.complaints.length = 0;
});
