// Builds the page into dist: gzipped files, and the Rust table of them that the binary includes.
// With --check nothing is written: it fails where dist is not what the sources make.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const PAGE = join(import.meta.dirname, '..');
const DIST = join(PAGE, 'dist');
const LIMIT_BYTES = 128 * 1024;

/** The first hexadecimal digits of a file's SHA-256: its name and its entity tag. */
const hash = (content) => createHash('sha256').update(content).digest('hex').slice(0, 16);

async function bundle(entry, constants = {}) {
  const { outputFiles } = await build({
    absWorkingDir: PAGE,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    legalComments: 'none',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', ...constants },
    // Also what the client's sources ask for comes from here, so that there is one React.
    alias: {
      '@vestibule/client/tokens': '../client/src/tokens.ts',
      '@vestibule/client/storage': '../client/src/storage.ts',
      '@vestibule/client/texts': '../client/src/texts.ts',
      '@vestibule/client/react': '../client/src/react.tsx',
      '@vestibule/client': '../client/src/index.ts',
      react: './node_modules/react',
    },
  });
  return outputFiles[0].text;
}

/** Path in a URL, media type, name in dist, content. */
async function files() {
  const read = (name) => readFileSync(join(PAGE, 'src', name), 'utf8');
  const js = await bundle('src/main.tsx');
  const css = await bundle('src/index.css');
  const svg = read('icon.svg').trim();
  const [small, large] = [192, 512].map((size) => readFileSync(join(PAGE, 'src', `icon-${size}.png`)));
  const named = (content, extension) => `/assets/page-${hash(content)}.${extension}`;
  const fill = (text) =>
    text
      .replace('SCRIPT', named(js, 'js'))
      .replace('STYLE', named(css, 'css'))
      .replaceAll('ICON_SVG', named(svg, 'svg'))
      .replaceAll('ICON_192', named(small, 'png'))
      .replaceAll('ICON_512', named(large, 'png'));
  const manifest = fill(JSON.stringify(JSON.parse(read('manifest.json'))));
  const kept = [
    ['/', 'text/html; charset=utf-8', 'page.html.gz', fill(read('index.html'))],
    [named(js, 'js'), 'text/javascript; charset=utf-8', 'page.js.gz', js],
    [named(css, 'css'), 'text/css; charset=utf-8', 'page.css.gz', css],
    [named(svg, 'svg'), 'image/svg+xml', 'icon.svg.gz', svg],
  ];
  // Kept by the service worker. The system takes the others when the page is installed.
  const worker = await bundle('worker/worker.ts', {
    FILES: JSON.stringify(kept.map(([path]) => path)),
    VERSION: JSON.stringify(hash(kept.map(([, , , text]) => hash(text)).join())),
  });
  return [
    ...kept,
    [named(small, 'png'), 'image/png', 'icon-192.png.gz', small],
    [named(large, 'png'), 'image/png', 'icon-512.png.gz', large],
    ['/manifest.webmanifest', 'application/manifest+json', 'manifest.gz', manifest],
    ['/worker.js', 'text/javascript; charset=utf-8', 'worker.js.gz', worker],
  ];
}

/** A Rust expression; the page is the first. */
function table(built) {
  const row = ([path, media, name, text]) => `    Asset {
        path: "${path}",
        media: "${media}",
        tag: "\\"${hash(text)}\\"",
        body: include_bytes!("${name}"),
    },
`;
  return `// Written by page/scripts/build.js.\n&[\n${built.map(row).join('')}]\n`;
}

const built = await files();
const zipped = built.map(([, , name, text]) => [name, gzipSync(text, { level: 9 })]);
const total = zipped.reduce((sum, [, bytes]) => sum + bytes.length, 0);
for (const [name, bytes] of zipped) console.log(`${name}: ${bytes.length} bytes`);
console.log(`in all: ${total} bytes, of ${LIMIT_BYTES} at most`);
if (total > LIMIT_BYTES) throw new Error('The page is too large');

if (process.argv.includes('--check')) {
  // Compared unzipped: another zlib may zip another way.
  const isSame = ([, , name, content]) =>
    gunzipSync(readFileSync(join(DIST, name))).equals(Buffer.from(content));
  const stale = built.filter((file) => !isSame(file)).map(([, , name]) => name);
  if (readFileSync(join(DIST, 'assets.rs'), 'utf8') !== table(built)) stale.push('assets.rs');
  const known = [...built.map(([, , name]) => name), 'assets.rs'];
  stale.push(...readdirSync(DIST).filter((name) => !known.includes(name)));
  if (stale.length > 0) throw new Error(`Run \`npm run build\`: ${stale} in dist are stale`);
} else {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  for (const [name, bytes] of zipped) writeFileSync(join(DIST, name), bytes);
  writeFileSync(join(DIST, 'assets.rs'), table(built));
}
