// What the documents show is what there is.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const CLIENT = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, CLIENT), 'utf8');
const DOCUMENT = read('../docs/client.md');
const README = read('README.md');

/** What stands between the fences of this language. */
function blocks(text: string, language: string): string[] {
  const parts = text.split(`\n\`\`\`${language}\n`).slice(1);
  return parts.map((part) => part.slice(0, part.indexOf('```')));
}

test('docs/client.md shows every program of examples/clients as it is', () => {
  const languages: Record<string, string> = { mjs: 'js', jsx: 'jsx', py: 'python', sh: 'sh' };
  const programs = readdirSync(new URL('../examples/clients', CLIENT)).filter((name) =>
    name.startsWith('chat.'),
  );
  expect(programs.length).toBe(Object.keys(languages).length);
  for (const name of programs) {
    const language = languages[name.split('.').at(-1) ?? ''] ?? '';
    expect(blocks(DOCUMENT, language), name).toContain(read(`../examples/clients/${name}`));
  }
});

test('docs/other-clients.md shows a part of the sample in Go as it is', () => {
  const [part = 'none'] = blocks(read('../docs/other-clients.md'), 'go');
  expect(read('../examples/clients/go/main.go')).toContain(part);
});

test('docs/migration.md shows every program of examples/migration as it is', () => {
  const document = read('../docs/migration.md');
  const languages: Record<string, string> = { mjs: 'js', py: 'python', rs: 'rust,no_run' };
  const programs = readdirSync(new URL('../examples/migration', CLIENT));
  expect(programs.length).toBe(4);
  for (const name of programs) {
    const language = languages[name.split('.').at(-1) ?? ''] ?? '';
    expect(blocks(document, language), name).toContain(read(`../examples/migration/${name}`));
  }
});

test('every other piece of TypeScript in the documents compiles', () => {
  const pieces = [
    ...[README, DOCUMENT].flatMap((text) => blocks(text, 'ts').map((code) => ['ts', code])),
    ...blocks(README, 'tsx').map((code) => ['tsx', code]),
  ];
  expect(pieces.length).toBeGreaterThan(3);
  const folder = new URL('snippets/', CLIENT);
  mkdirSync(folder, { recursive: true });
  try {
    for (const [index, [ending, code = '']] of pieces.entries()) {
      // A file that others import says its name.
      const [, name = `piece-${index}.${ending}`] = /^\/\/ (\w+\.tsx?)\n/.exec(code) ?? [];
      writeFileSync(new URL(name, folder), code);
    }
    const paths = {
      '@vestibule/client': ['../src/index.ts'],
      '@vestibule/client/texts': ['../src/texts.ts'],
      '@vestibule/client/tokens': ['../src/tokens.ts'],
      '@vestibule/client/storage': ['../src/storage.ts'],
      '@vestibule/client/vue': ['../src/vue.ts'],
      '@vestibule/client/svelte': ['../src/svelte.ts'],
      '@vestibule/client/react': ['../src/react.tsx'],
    };
    const bundled = { module: 'esnext', moduleResolution: 'bundler' };
    const compilerOptions = { paths, noUnusedLocals: false, rootDir: '..', ...bundled };
    const config = { extends: '../tsconfig.json', compilerOptions, include: ['.'] };
    writeFileSync(new URL('tsconfig.json', folder), JSON.stringify(config));
    const tsc = fileURLToPath(new URL('node_modules/.bin/tsc', CLIENT));
    execFileSync(tsc, ['-p', fileURLToPath(folder)], { encoding: 'utf8' });
  } catch (fault) {
    expect.fail(String((fault as { stdout?: string }).stdout ?? fault));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the README names every event, option and default', () => {
  const types = read('src/types.ts');
  const fields = (name: string) => {
    const [, body = ''] = types.split(`interface ${name}`);
    const [inner = ''] = body.split('\n}');
    return [...inner.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map((match) => match[1]);
  };
  const names = ['ChatOptions', 'Credentials', 'ChatEvents', 'Status'].flatMap(fields);
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) expect(README, name).toContain(`\`${name}\``);
  const defaults = [...types.matchAll(/Default (\d[\d,]*\d)/g)].map((match) => match[1]);
  for (const text of defaults) expect(README).toContain(text);
});

test('the README has no link that only works in the repository', () => {
  expect([...README.matchAll(/\]\((?!#)[^)]*\)/g)].map(([link]) => link)).toEqual([]);
});

test('files are short, and so are lines', () => {
  const names = ['src', 'test', 'scripts'].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, CLIENT)).map((name) => `${folder}/${name}`),
  );
  expect(names.length).toBeGreaterThan(25);
  for (const name of names) {
    if (name === 'src/messages.ts') continue; // It is generated.
    const lines = read(name).split('\n');
    expect(lines.length, name).toBeLessThanOrEqual(401);
    if (name === 'test/machine.test.ts') continue; // It holds a table.
    expect(lines.filter((line) => line.length > 100), name).toEqual([]);
  }
});
