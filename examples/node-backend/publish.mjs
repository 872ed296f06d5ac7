// Publishes a text to a user through Vestibule's admin listener, once however often it is run.
//
//     node publish.mjs http://127.0.0.1:9090 alice 'Dinner is ready' dinner-7
//
// The last argument is the idempotency key. The key of `admin.key_file` is read from the file that
// ADMIN_KEY_FILE names, if there is one.

import { readFileSync } from 'node:fs';

const [admin, user, content, key] = process.argv.slice(2);
const headers = { 'Content-Type': 'application/json' };
const path = process.env.ADMIN_KEY_FILE;
if (path) headers.Authorization = `Bearer ${readFileSync(path, 'utf8').split(/\s/)[0]}`;
// A reset or a time-out can be tried again with the same key.
const response = await fetch(`${admin}/v1/publish`, {
  method: 'POST',
  headers,
  body: JSON.stringify({ users: [user], content, idempotency_key: key }),
  signal: AbortSignal.timeout(10_000),
});
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
