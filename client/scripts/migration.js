// Runs what is in examples/migration against a server in each mode, with its token in each place:
// node scripts/migration.js PATH-TO-VESTIBULE PATH-TO-THE-RUST-EXAMPLE
// What comes of it must be what docs/migration.md says in its table.
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
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
process.exit(failures > 0 ? 1 : 0);
