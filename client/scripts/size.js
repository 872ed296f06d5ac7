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
const alone = await gzippedBytes('export { ChatConnection } from "../src/index.ts"');
const react = await gzippedBytes('export * from "../src/react.tsx"');
console.log(`core: ${core} bytes minified and gzipped, of ${LIMIT_BYTES} at most`);
console.log(`ChatConnection alone: ${alone} bytes; with React's part: ${react} bytes`);
if (core > LIMIT_BYTES) process.exit(1);
