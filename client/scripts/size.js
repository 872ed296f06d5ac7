// What the core costs a page: bundled, minified, gzipped. Fails over the limit.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const LIMIT_BYTES = 6 * 1024;
const ADAPTER_LIMIT_BYTES = 1024;

const PEERS = ['react', 'react/*', 'vue', 'svelte'];

async function gzippedBytes(source, ...shared) {
  const stdin = { contents: source, resolveDir: import.meta.dirname };
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false };
  const { outputFiles } = await build({ stdin, ...options, external: [...PEERS, ...shared] });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const core = await gzippedBytes('export * from "../src/index.ts"');
const names = ['tokens.ts', 'storage.ts', 'texts.ts', 'react.tsx', 'vue.ts', 'svelte.ts'];
console.log(`core: ${core} bytes minified and gzipped, of ${LIMIT_BYTES} at most`);
for (const name of names) {
  const source = `export * from "../src/index.ts"; export * from "../src/${name}"`;
  const bytes = await gzippedBytes(source);
  console.log(`with ${name}: ${bytes} bytes`);
}

// What each adds to the store that all have.
const adapters = ['vue.ts', 'svelte.ts'];
let isOver = core > LIMIT_BYTES;
for (const name of adapters) {
  const bytes = await gzippedBytes(`export * from "../src/${name}"`, './chat-store.js');
  console.log(`${name} alone: ${bytes} bytes, of ${ADAPTER_LIMIT_BYTES} at most`);
  isOver ||= bytes > ADAPTER_LIMIT_BYTES;
}
if (isOver) process.exit(1);
