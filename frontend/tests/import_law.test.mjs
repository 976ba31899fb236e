// @vitest-environment node
// SPDX-License-Identifier: Apache-2.0
// The check of imports sees what it is there for: each planted breach is told with file, import and rule.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { check } from '../scripts/check_imports.mjs';

const SOURCES = resolve(import.meta.dirname, '../src');
let copy = '';

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'tb-xai-imports-'));
  cpSync(SOURCES, copy, { recursive: true });
});
afterEach(() => rmSync(copy, { recursive: true }));

/** Put a line below the header of a file of the copy, which is made where there is none. */
function plant(file, line, text = readFileSync(join(copy, file), 'utf8')) {
  writeFileSync(join(copy, file), `${text}\n${line}\n`);
}

test('the sources keep the law', () => expect(check(SOURCES).said).toEqual([]));

test.each([
  ['views/layers/layers.tsx', "import '../compare/compare';", 'views do not import one another'],
  ['views/layers/layers.tsx', "import '../index';", 'a view does not know views/index.ts'],
  ['views/layers/layers.tsx', "void import('../compare/compare');", 'views do not import one another'],
  ['draw/strip.ts', "import { run } from '../state/store';", 'draw and state do not know each other'],
  ['state/store.ts', "import type { Draw } from '../draw/canvas';", 'draw and state do not know each other'],
  ['model/steps.ts', "export { paint } from '../draw/canvas';", 'imports point down'],
  ['wire/api.ts', "type Late = import('../model/steps').StepScale;", 'imports point down'],
  ['ui/lazy.tsx', "import '../app/app';", 'imports point down'],
  ['ui/lazy.tsx', "import './gone';", 'there is no such file'],
])('%s may not say: %s', (file, line, rule) => {
  plant(file, line);
  const name = /'([^']+)'/.exec(line)[1];
  expect(check(copy).said.filter((one) => one.startsWith(`${file} imports ${name}: ${rule}`))).toHaveLength(1);
});

test('a circle is told with all that are in it', () => {
  plant('model/a.ts', "import './b';", '');
  plant('model/b.ts', "import './c';", '');
  plant('model/c.ts', "import type { A } from './a';", '');
  expect(check(copy).said).toContain(
    'model/a.ts imports model/b.ts imports model/c.ts imports model/a.ts: imports do not go round.',
  );
});

test('a folder of its own beside the floors, and a folder that is too full', () => {
  cpSync(join(copy, 'wire/host.ts'), join(copy, 'misc/host.ts'));
  plant('misc/more.ts', "import './host';", '');
  for (let i = 0; i < 19; i++) plant(`wire/more_${i}.ts`, '', '');
  const { said } = check(copy);
  expect(said.some((one) => one.startsWith('misc/more.ts imports ./host: only app, views'))).toBe(true);
  expect(said.some((one) => /^wire\/ holds \d+ files: at most 18 in a folder\.$/.test(one))).toBe(true);
});
