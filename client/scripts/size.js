// What the core costs a page: bundled, minified, gzipped. Fails over the limit.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const LIMIT_BYTES = 6 * 1024;

async function gzippedBytes(source) {
  const stdin = { contents: source, resolveDir: import.meta.dirname };
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false };
  const { outputFiles } = await build({ stdin, ...options, external: ['react', 'react/*'] });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const core = await gzippedBytes('export * from "../src/index.ts"');
const names = ['tokens.ts', 'storage.ts', 'texts.ts', 'react.tsx'];
console.log(`core: ${core} bytes minified and gzipped, of ${LIMIT_BYTES} at most`);
for (const name of names) {
  const source = `export * from "../src/index.ts"; export * from "../src/${name}"`;
  const bytes = await gzippedBytes(source);
  console.log(`with ${name}: ${bytes} bytes`);
}
if (core > LIMIT_BYTES) process.exit(1);
