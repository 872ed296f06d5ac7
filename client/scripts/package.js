// The package as people install it: packed (which builds it), judged by publint and attw, and used
// through ES modules, CommonJS and Jest.
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '..');
const BIN = join(CLIENT, 'node_modules/.bin');
const folder = mkdtempSync(join(tmpdir(), 'vestibule-package-'));

function run(command, args, cwd = folder) {
  try {
    const stdio = ['ignore', 'pipe', 'pipe'];
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio });
  } catch (fault) {
    throw new Error(`${command} ${args.join(' ')}:\n${fault.stdout}${fault.stderr}`);
  }
}

const write = (name, text) => writeFileSync(join(folder, name), text);

/** What a program does with the package without a server. */
const PROGRAM = `
const chat = new ChatConnection({ url: 'ws://127.0.0.1:1', recipeId: 'soup', getToken: () => 'a' });
if (chat.state !== 'closed') throw new Error(chat.state);
if (statusText(chat.status) !== 'Disconnected') throw new Error(statusText(chat.status));
if (memoryOutbox().size !== 0 || tokenKeeper({ url: 'ws://127.0.0.1:1' }).getToken() !== null) {
  throw new Error('It is not empty');
}
`;
const ENTRIES = {
  '': 'ChatConnection',
  '/texts': 'statusText',
  '/storage': 'memoryOutbox',
  '/tokens': 'tokenKeeper',
  '/react': 'ChatProvider',
  '/vue': 'useRecipeChat',
  '/svelte': 'recipeChat',
};
const lines = (line) =>
  Object.entries(ENTRIES)
    .map(([path, name]) => line(`@vestibule/client${path}`, name))
    .join('\n');
const ESM = lines((from, name) => `import { ${name} } from '${from}';`) + PROGRAM;
const CJS = lines((from, name) => `const { ${name} } = require('${from}');`) + PROGRAM;
const JEST = `test('it is what Jest gets, without a configuration', () => {${CJS}});`;

try {
  run('npm', ['pack', '--silent', '--pack-destination', folder], CLIENT);
  const [packed] = readdirSync(folder);
  const tarball = join(folder, packed);
  run(join(BIN, 'publint'), ['run', tarball, '--strict'], CLIENT);
  run(join(BIN, 'attw'), [tarball, '--no-color', '--no-emoji'], CLIENT);

  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@vestibule'), { recursive: true });
  run('tar', ['xzf', tarball, '-C', join(modules, '@vestibule')]);
  const installed = join(modules, '@vestibule/client');
  renameSync(join(modules, '@vestibule/package'), installed);
  for (const peer of ['react', 'vue', 'svelte']) {
    symlinkSync(join(CLIENT, 'node_modules', peer), join(modules, peer));
  }
  const files = readdirSync(installed);
  for (const name of ['CHANGELOG.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md']) {
    if (!files.includes(name)) throw new Error(`${name} is not in the package`);
  }
  const map = JSON.parse(readFileSync(join(installed, 'dist/index.js.map'), 'utf8'));
  if (!map.sourcesContent?.[0]) throw new Error('A source map has no source');

  write('package.json', '{ "private": true }');
  write('program.mjs', ESM);
  write('program.cjs', CJS);
  run(process.execPath, ['program.mjs']);
  run(process.execPath, ['program.cjs']);
  write('package.test.js', JEST);
  run(join(BIN, 'jest'), ['--rootDir', folder, '--ci']);
  console.log(`${packed}: ES modules, CommonJS and Jest use it; publint and attw find no fault`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
