// What a newcomer does: new Vite and Next.js projects, by the README's own commands and files, with
// the packed package; type-checked, built, and used in a browser against a server. Needs npm.
// node scripts/fresh.js PATH-TO-VESTIBULE
// Without Chromium, or the packages of ../tests/browser, no browser is started, and that is said.
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, until } from './server.js';

const CLIENT = join(import.meta.dirname, '..');
const README = readFileSync(join(CLIENT, 'README.md'), 'utf8');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ADDRESS = 'http://127.0.0.1:8080';
const PATIENCE_MS = 30_000;
const env = {
  ...process.env,
  // Nobody is asked.
  CI: '1',
  npm_config_yes: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  NEXT_TELEMETRY_DISABLED: '1',
  NO_COLOR: '1',
};

const PROJECTS = [
  {
    name: 'Vite',
    folder: 'src',
    files: ['session.ts', 'Chat.tsx', 'App.tsx'],
    check: ['npx', 'tsc', '-b'],
    serve: ['npx', 'vite', 'preview', '--host', '127.0.0.1', '--port', '0'],
  },
  {
    name: 'Next.js',
    folder: 'app',
    files: ['session.ts', 'Chat.tsx', 'page.tsx'],
    check: ['npx', 'tsc', '--noEmit'],
    serve: ['npx', 'next', 'start', '--hostname', '127.0.0.1', '--port', '0'],
  },
];

/** The README's block that is this file. */
function fileOf(name) {
  const block = README.split(/\n```\w+\n/).find((part) => part.startsWith(`// ${name}\n`));
  if (block === undefined) throw new Error(`The README has no ${name}`);
  return block.slice(0, block.indexOf('\n```') + 1);
}

/** The README's commands for a new project of this kind. */
function commandsOf(name) {
  const [, section] = README.split(`With ${name},`);
  const [, commands] = /\n```sh\n([\s\S]*?)```/.exec(section ?? '') ?? [];
  if (commands === undefined) throw new Error(`The README has no commands for ${name}`);
  return commands;
}

function run(command, args, cwd) {
  try {
    execFileSync(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (fault) {
    throw new Error(`${command} ${args.join(' ')}:\n${fault.stdout}${fault.stderr}`);
  }
}

/** Creates and builds it: its folder. */
function make({ name, folder, files, check }, tarball, work, url) {
  const place = join(work, name);
  mkdirSync(place);
  const written = '../client/vestibule-client-*.tgz';
  const commands = commandsOf(name).replace(written, tarball);
  if (!commands.includes(tarball)) throw new Error(`The README does not install ${written}`);
  run('bash', ['-euc', commands], place);
  const project = join(place, 'my-app');
  for (const file of files) {
    writeFileSync(join(project, folder, file), fileOf(file).replace(ADDRESS, url));
  }
  run(check[0], check.slice(1), project);
  run('npm', ['run', 'build'], project);
  console.log(`${name}: built from the README`);
  return project;
}

/** Chromium, or why there is none. */
async function browser() {
  const tests = join(CLIENT, '../tests/browser/package.json');
  if (!existsSync(CHROMIUM)) return `no ${CHROMIUM}`;
  try {
    const { chromium } = createRequire(tests)('playwright-core');
    const args = ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
    return await chromium.launch({ executablePath: CHROMIUM, args });
  } catch (fault) {
    if (fault.code === 'MODULE_NOT_FOUND') return 'no packages in tests/browser';
    throw fault;
  }
}

/** Talks in the page as it is served. */
async function talk({ name, serve }, project, page, server) {
  const child = spawn(serve[0], serve.slice(1), { cwd: project, env, detached: true });
  try {
    const [origin] = await until(child, /http:\/\/127\.0\.0\.1:\d+/);
    process.env['VESTIBULE_HTTP__ALLOWED_ORIGINS'] = origin;
    await server.start();
    const tokens = { access_token: server.token('alice'), refresh_token: 'none' };
    const context = await page.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(
      (text) => localStorage.setItem('vestibule.tokens', text),
      JSON.stringify(tokens),
    );
    const tab = await context.newPage();
    const faults = [];
    tab.on('pageerror', (fault) => faults.push(String(fault)));
    await tab.goto(origin);
    await tab.getByText('Connected').waitFor();
    await tab.getByRole('button', { name: 'Undo' }).click();
    await tab.getByRole('listitem').nth(1).waitFor();
    if (faults.length > 0) throw new Error(faults.join('\n'));
    await context.close();
    console.log(`${name}: talks to the server in a browser`);
  } finally {
    process.kill(-child.pid);
    if (server.isRunning) await server.stop('SIGKILL');
  }
}

const work = mkdtempSync(join(tmpdir(), 'vestibule-fresh-'));
const server = new Server(process.argv[2]);
let chromium = null;
try {
  run('npm', ['pack', '--silent', '--pack-destination', work], CLIENT);
  const tarball = join(work, readdirSync(work)[0]);
  await server.start();
  const url = server.url.replace('ws:', 'http:');
  await server.stop('SIGKILL');
  const made = PROJECTS.map((project) => [project, make(project, tarball, work, url)]);
  chromium = await browser();
  if (typeof chromium === 'string') console.log(`not run in a browser: ${chromium}`);
  else for (const [project, place] of made) await talk(project, place, chromium, server);
} finally {
  if (chromium !== null && typeof chromium !== 'string') await chromium.close();
  server.remove();
  rmSync(work, { recursive: true, force: true });
}
process.exit();
