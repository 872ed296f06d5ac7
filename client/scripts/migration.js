// Runs what is in examples/migration against a server in each mode, with its token in each place:
// node scripts/migration.js PATH-TO-VESTIBULE PATH-TO-THE-RUST-EXAMPLE
// What comes of it must be what docs/migration.md says in its table. And each program must end when
// its message is refused, and when its connection ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { WebSocketServer } from 'ws';
import { Server } from './server.js';

const CLIENT = resolve(import.meta.dirname, '..');
const EXAMPLES = resolve(CLIENT, '../examples/migration');
const DOCUMENT = readFileSync(resolve(CLIENT, '../docs/migration.md'), 'utf8');
const [binary, rust] = process.argv.slice(2);
if (!rust) throw new Error('The paths of the vestibule binary and of the Rust example are missing');

const JOINED = /^joined as alice\nanswered: Noted/;
/** The first thing that an old client says has no id. */
const UNAUTHENTICATED = 'closed: 1008 Invalid auth message format';
const REFUSED = 'refused: 401';
/** A page is not told why an upgrade was refused. */
const GONE = 'closed: 1006';

/** What a token in this place comes to, in each mode. */
const EXPECTED = {
  legacy: { header: JOINED, query: JOINED, message: REFUSED },
  both: { header: JOINED, query: JOINED, message: JOINED },
  message: { header: UNAUTHENTICATED, query: UNAUTHENTICATED, message: JOINED },
};

async function programs(folder) {
  const alias = { '@vestibule/client': join(CLIENT, 'dist/index.js') };
  const bundle = async (name) => {
    const entryPoints = [join(EXAMPLES, name)];
    const outfile = join(folder, name);
    // `ws` is no module of ES: it asks for Node's by `require`. And it stands for a page's own, as
    // it tells of a refused upgrade in the same way: Node's first ones do not.
    const ws = JSON.stringify(join(CLIENT, 'node_modules/ws'));
    const js = "import { createRequire } from 'node:module';\n" +
      'const require = createRequire(import.meta.url);\n' +
      `globalThis.WebSocket = require(${ws});`;
    const common = { bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' };
    const nodePaths = [join(CLIENT, 'node_modules')];
    await build({ ...common, entryPoints, outfile, alias, nodePaths, banner: { js } });
    return outfile;
  };
  copyFileSync(join(EXAMPLES, 'chat.py'), join(folder, 'chat.py'));
  return {
    'chat.py': ['python3', join(folder, 'chat.py')],
    'chat.mjs': [process.execPath, await bundle('chat.mjs')],
    'page.mjs': [process.execPath, await bundle('page.mjs')],
    'main.rs': [resolve(rust)],
  };
}

/** All that a program says, until it ends. */
function run([command, ...args], url, TOKEN, TOKEN_IN) {
  return new Promise((told, reject) => {
    const env = { ...process.env, TOKEN, TOKEN_IN };
    const child = spawn(command, [...args, 'soup', url], { env, timeout: 20_000 });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.on('error', reject);
    child.on('close', (code) => told({ code, said: said.trim() }));
  });
}

/** The words of the table for what is expected. */
const inWords = (expected) => {
  if (expected === JOINED) return 'joins';
  return expected === REFUSED ? '401' : `1008 \`${expected.slice('closed: 1008 '.length)}\``;
};

/** What a server does with the first message, and what the program has to say then. */
const ENDS = {
  'an error': [
    (socket, request_id) => {
      say(socket, 'error', { error: 'invalid_message', message: 'No', request_id });
    },
    /^error: invalid_message$/,
  ],
  'a restart': [(socket) => socket.close(1001, 'Bye'), /^closed: 1001 Bye$/],
  'a cut': [(socket) => socket.terminate(), /^closed: 1006|reset/i],
};

function say(socket, type, payload) {
  const timestamp = new Date().toISOString();
  socket.send(JSON.stringify({ type, id: `server_${type}`, timestamp, payload }));
}

/** A server that accepts any token, and ends each conversation like this. */
async function endingServer(end) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('message', (text) => {
      const { type, id } = JSON.parse(text);
      const times = { expires_at: '2031-01-01T00:15:00Z', reauth_at: '2031-01-01T00:14:00Z' };
      const session = { user_id: 'alice', ...times, ping_interval_ms: 30_000 };
      const welcome = { request_id: id, content: 'Welcome', recipe_data: null, session };
      if (type === 'auth') say(socket, 'recipe_update', welcome);
      if (type === 'chat_message') end(socket, id ?? 'given');
    });
  });
  await once(server, 'listening');
  return server;
}

/** How many of the programs in this folder do not end as they should. */
async function failuresAtTheEnd(folder) {
  let count = 0;
  for (const [what, [end, expected]] of Object.entries(ENDS)) {
    const server = await endingServer(end);
    const url = `ws://127.0.0.1:${server.address().port}`;
    for (const [name, command] of Object.entries(await programs(folder))) {
      for (const place of ['query', 'message']) {
        const { code, said } = await run(command, url, 'a-token', place);
        const last = said.split('\n').at(-1);
        const isRight = code === 1 && expected.test(last);
        if (!isRight) count += 1;
        console.log(`${what}: ${name}, ${place}: ${isRight ? 'as' : 'NOT AS'} expected, ${last}`);
      }
    }
    server.close();
  }
  return count;
}

let failures = 0;
for (const [mode, places] of Object.entries(EXPECTED)) {
  const row = Object.values(places).map(inWords).join(' | ');
  if (!DOCUMENT.includes(`| \`${mode}\` | ${row} |`)) {
    console.log(`docs/migration.md has no row | \`${mode}\` | ${row} |`);
    failures += 1;
  }
  process.env.VESTIBULE_AUTH__MODE = mode;
  const server = new Server(binary);
  try {
    await server.start();
    const runs = Object.entries(await programs(server.folder)).flatMap(([name, command]) =>
      Object.entries(places).map(async ([place, usual]) => {
        const isPage = name === 'page.mjs';
        if (isPage && place === 'header') return '';
        const expected = isPage && usual === REFUSED ? GONE : usual;
        const { code, said } = await run(command, server.url, server.token('alice'), place);
        const isRight = expected === JOINED
          ? code === 0 && JOINED.test(said)
          : code === 1 && said === expected;
        if (!isRight) failures += 1;
        return `${mode}: ${name}, token in the ${place}: ${isRight ? 'as' : 'NOT AS'} expected, ` +
          said.replaceAll('\n', ', ');
      }),
    );
    for (const line of await Promise.all(runs)) if (line) console.log(line);
  } finally {
    server.remove();
  }
}
const folder = mkdtempSync(join(tmpdir(), 'vestibule-'));
failures += await failuresAtTheEnd(folder);
rmSync(folder, { recursive: true });
process.exit(failures > 0 ? 1 : 0);
