// Runs what is in examples/clients against a server:
// node scripts/examples.js PATH-TO-VESTIBULE [--all]
// An example whose interpreter or package is not on this machine is skipped, and named; with --all
// that is a failure, except for Go's, whose toolchain is too large to install for one sample.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { JSDOM } from 'jsdom';
import { PATIENCE_MS, Server, until } from './server.js';

const CLIENT = resolve(import.meta.dirname, '..');
const EXAMPLES = resolve(CLIENT, '../examples/clients');
const GO = join(EXAMPLES, 'go');
// A certificate that is its own root: who is to trust it is told by its environment.
const CERTIFICATE = resolve(CLIENT, '../tests/fixtures/tls/p256.pem');
const KEY = resolve(CLIENT, '../tests/fixtures/tls/p256.key.pem');
const TRUST = { NODE_EXTRA_CA_CERTS: CERTIFICATE, SSL_CERT_FILE: CERTIFICATE };
const server = new Server(process.argv[2]);
const secure = new Server(process.argv[2], CERTIFICATE, KEY);
const data = server.folder;
const mustRunAll = process.argv.includes('--all');

/** Bundled with this package's build, as an installed one would be. */
async function bundle(name) {
  const outfile = join(data, `${name}.mjs`);
  // One React, although both folders may have one.
  const installed = (name) => [name, join(CLIENT, 'node_modules', name)];
  const alias = {
    ...Object.fromEntries(['react', 'react-dom'].map(installed)),
    '@vestibule/client': join(CLIENT, 'dist/index.js'),
    '@vestibule/client/texts': join(CLIENT, 'dist/texts.js'),
    '@vestibule/client/react': join(CLIENT, 'dist/react.js'),
  };
  const forPage = name.endsWith('.jsx');
  await build({
    entryPoints: [join(EXAMPLES, name)],
    outfile,
    alias,
    bundle: true,
    jsx: 'automatic',
    platform: forPage ? 'browser' : 'node',
    format: forPage ? 'iife' : 'esm',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  });
  return outfile;
}

const has = (command, ...args) => spawnSync(command, args).status === 0;

function run(command, args, env) {
  return spawn(command, args, { env: { ...process.env, ...TRUST, ...env }, cwd: data });
}

/** Says one thing, and waits until `command` has shown the greeting and the answer. */
async function converse(command, args, env, said) {
  const child = run(command, args, env);
  if (said) child.stdin.end(`${said}\n`);
  await until(child, /How can I help[\s\S]*Noted/).finally(() => child.kill());
}

/**
 * The same; and that it ends when the server will not have it, and by Ctrl-C, although more might
 * be typed.
 */
async function converseAndEnd(command, args, env, said) {
  await converse(command, args, env, said);
  await end(run(command, args, { ...env, TOKEN: 'none' }), /closed|Authentication failed/i);
  await end(run(command, args, env), /How can I help/, 'SIGINT');
}

/** Waits for `pattern`, sends the signal, if there is one, and waits for the end. */
async function end(child, pattern, signal) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await until(child, pattern);
  if (signal) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
  if (child.signalCode === 'SIGKILL') throw new Error(`${child.spawnargs} does not end`);
}

const EXAMPLE_RUNS = {
  'chat.mjs': async (url, TOKEN) => {
    const flags = globalThis.WebSocket ? [] : ['--experimental-websocket'];
    const file = await bundle('chat.mjs');
    await converseAndEnd(process.execPath, [...flags, file, 'soup', url], { TOKEN }, 'Hello');
  },
  'chat.jsx': async (url, token) => {
    const code = readFileSync(await bundle('chat.jsx'), 'utf8');
    const { window } = new JSDOM('<main id="chat"></main>', {
      runScripts: 'outside-only',
      url: 'http://127.0.0.1',
      pretendToBeVisual: true,
    });
    Object.assign(window, { VESTIBULE_URL: url, prompt: () => token });
    window.eval(code);
    const shown = () => window.document.body.textContent;
    const wait = async (pattern) => {
      for (let ms = 0; !pattern.test(shown()); ms += 20) {
        if (ms > PATIENCE_MS) throw new Error(`no ${pattern} in time; it shows: ${shown()}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await wait(/Connected/);
    window.document.querySelector('input').value = 'Hello';
    window.document.querySelector('form button').click();
    await wait(/alice Hello +Recipe \S/);
    window.close();
  },
  'chat.py': async (url, TOKEN) => {
    if (!has('python3', '-c', 'import websockets.asyncio')) return 'no websockets for python3';
    await converseAndEnd('python3', [join(EXAMPLES, 'chat.py'), 'soup', url], { TOKEN }, 'Hello');
  },
  'chat.sh': async (url, TOKEN) => {
    if (!has('wscat', '--version')) return 'no wscat';
    await converse('sh', [join(EXAMPLES, 'chat.sh'), 'soup', url], { TOKEN, WAIT: '2' });
  },
  'go/main.go': async (url, TOKEN) => {
    if (!has('go', 'version')) return 'no go';
    const program = join(data, 'chat-in-go');
    const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: GO, stdio: 'inherit' });
    if (built.status !== 0) throw new Error('go build failed');
    await converseAndEnd(program, ['soup', url], { TOKEN }, 'Hello');
  },
};
const OPTIONAL = ['go/main.go'];

/** Everything against this server, but for what cannot be told whom to trust. */
async function runAll(server, but = []) {
  await server.start();
  const token = server.token('alice');
  const runs = Object.entries(EXAMPLE_RUNS).filter(([name]) => !but.includes(name));
  for (const [name, run] of runs) {
    const skipped = await run(server.url, token);
    const [scheme] = server.url.split('://');
    const told = skipped ? `skipped, ${skipped}` : `runs over ${scheme}`;
    console.log(`examples/clients/${name}: ${told}`);
    if (skipped && mustRunAll && !OPTIONAL.includes(name)) process.exitCode = 1;
  }
}

try {
  await runAll(server);
  // A server without positions.
  process.env.VESTIBULE_LIMITS__HISTORY_BYTES = '0';
  await runAll(secure, ['chat.jsx']); // tests/browser runs a browser over TLS.
} finally {
  server.remove();
  secure.remove();
}
process.exit();
