// Builds dist: ES modules, CommonJS modules, and the types of both; and puts in what the package
// needs of the repository.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '..');
const ROOT = join(CLIENT, '..');
const DIST = join(CLIENT, 'dist');

const compile = (config) => {
  const tsc = join(CLIENT, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', join(CLIENT, config)], { stdio: 'inherit' });
};

rmSync(DIST, { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.cjs.json');
writeFileSync(join(DIST, 'cjs/package.json'), '{ "type": "commonjs" }\n');
const texts = readdirSync(ROOT).filter((name) => /^LICENSE|^CHANGELOG\.md$/.test(name));
for (const name of texts) copyFileSync(join(ROOT, name), join(CLIENT, name));
