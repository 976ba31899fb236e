// SPDX-License-Identifier: Apache-2.0
// Writes static/build.json, which proves what the built tab was made of, and refuses a bundle above its budget.
//
// source_hash is the SHA-256, in hex, over these files, sorted by path (bytewise):
//   frontend/src/** (every file), frontend/package.json, frontend/package-lock.json,
//   frontend/vite.config.ts, frontend/tsconfig.json, tb_xai_plugin/schema.proto
// and for each of them: its posix path from the repository root, "\n", its bytes, "\n".
// "files" lists what was built, sorted, with paths from static/. A Python test computes the hash again.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 90 * 1024;
const SINGLE = ['frontend/package.json', 'frontend/package-lock.json', 'frontend/vite.config.ts',
  'frontend/tsconfig.json', 'tb_xai_plugin/schema.proto'];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const built = join(root, 'tb_xai_plugin/static');

/** Every file below `folder`, as posix paths from `base`. */
function filesBelow(folder, base) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

function sourceHash() {
  const hash = createHash('sha256');
  for (const path of [...filesBelow(join(root, 'frontend/src'), root), ...SINGLE].sort()) {
    hash.update(`${path}\n`).update(readFileSync(join(root, path))).update('\n');
  }
  return hash.digest('hex');
}

const files = filesBelow(built, built).filter((path) => path !== 'build.json').sort();
const gzipped = files.reduce((sum, path) => sum + gzipSync(readFileSync(join(built, path))).length, 0);
writeFileSync(join(built, 'build.json'), `${JSON.stringify({ source_hash: sourceHash(), files }, null, 1)}\n`);
console.log(`tab: ${files.length} files, ${(gzipped / 1024).toFixed(1)} KB gzipped (budget ${BUDGET_BYTES / 1024})`);
if (gzipped > BUDGET_BYTES) {
  console.error(`The built tab is ${gzipped} bytes gzipped; its budget is ${BUDGET_BYTES}. Remove or lazy-load something.`);
  process.exit(1);
}
