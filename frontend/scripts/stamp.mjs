// SPDX-License-Identifier: Apache-2.0
// Writes static/build.json, which proves what the built tab was made of, and refuses a bundle above its budget.
//
// source_hash is the SHA-256, in hex, over these files, sorted by path (bytewise):
//   frontend/src/** (every file), frontend/package.json, frontend/package-lock.json,
//   frontend/vite.config.ts, frontend/tsconfig.json, tb_xai_plugin/format/schema.proto
// and for each of them: its posix path from the repository root, "\n", its bytes, "\n".
// The budget is for what a page loads at once; chunks that are imported only when somebody asks are counted apart.
// "files" lists what was built, sorted, with paths from static/. A Python test computes the hash again.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 90 * 1024;
const SINGLE = [
  'frontend/package.json',
  'frontend/package-lock.json',
  'frontend/vite.config.ts',
  'frontend/tsconfig.json',
  'tb_xai_plugin/format/schema.proto',
];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const built = join(root, 'tb_xai_plugin/tab/static');

/** Every file below `folder`, as posix paths from `base`. */
function filesBelow(folder, base) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** A built file and all that it imports at once, directly or not. */
function importedBy(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const source = readFileSync(join(built, path), 'utf8');
  for (const [, name] of source.matchAll(/(?:\bfrom|\bimport)\s*["'](\.{1,2}\/[^"']+\.js)["']/g)) {
    importedBy(posix.join(posix.dirname(path), name), found);
  }
  return found;
}

function sourceHash() {
  const hash = createHash('sha256');
  for (const path of [...filesBelow(join(root, 'frontend/src'), root), ...SINGLE].sort()) {
    hash
      .update(`${path}\n`)
      .update(readFileSync(join(root, path)))
      .update('\n');
  }
  return hash.digest('hex');
}

const files = filesBelow(built, built)
  .filter((path) => path !== 'build.json')
  .sort();
const sizeOf = (paths) => paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(built, path))).length, 0);
const start = [...importedBy('index.js')];
const gzipped = sizeOf(start);
const lazy = sizeOf(files.filter((path) => path.endsWith('.js') && !start.includes(path)));
writeFileSync(join(built, 'build.json'), `${JSON.stringify({ source_hash: sourceHash(), files }, null, 1)}\n`);
console.log(
  `tab: ${files.length} files, ${(gzipped / 1024).toFixed(1)} KB gzipped at start (budget ${BUDGET_BYTES / 1024}), ${(lazy / 1024).toFixed(1)} KB on demand`,
);
if (gzipped > BUDGET_BYTES) {
  console.error(
    `The built tab is ${gzipped} bytes gzipped; its budget is ${BUDGET_BYTES}. Remove or lazy-load something.`,
  );
  process.exit(1);
}
