// Draws src/icon-192.png and src/icon-512.png from src/icon.svg, for systems that take no SVG: without
// rounded corners, and with room around, as each system cuts its own form. Needs Chromium.
// usage: CHROMIUM=/usr/bin/chromium node scripts/icons.js
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SRC = join(import.meta.dirname, '../src');
const chromium = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'vestibule-icons-'));
const svg = readFileSync(join(SRC, 'icon.svg'), 'utf8')
  .replace('viewBox="0 0 32 32"', 'viewBox="-4 -4 40 40"')
  .replace('<rect width="32" height="32" rx="9"', '<rect x="-4" y="-4" width="40" height="40"');
const style = '<style>html,body{margin:0}svg{display:block;width:100vw;height:100vh}</style>';
const page = join(folder, 'icon.html');
writeFileSync(page, style + svg);
for (const size of [192, 512]) {
  const options = ['--headless', '--no-sandbox', '--hide-scrollbars', `--window-size=${size},${size}`];
  const file = join(SRC, `icon-${size}.png`);
  const { status } = spawnSync(chromium, [...options, `--screenshot=${file}`, page]);
  if (status !== 0) throw new Error(`${chromium} ended with ${status}`);
}
rmSync(folder, { recursive: true });
