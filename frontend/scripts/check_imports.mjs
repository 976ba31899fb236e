// SPDX-License-Identifier: Apache-2.0
// Which folder of src/ may import which: imports point down, views know nothing of one another, nothing goes round.
// `node scripts/check_imports.mjs [FOLDER]` says one sentence for each import that breaks a rule, and exits with 1.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'vite';

/** From the top to the ground. A folder imports from its own floor's folder and from the floors below. */
const FLOORS = [['app'], ['views'], ['ui'], ['draw', 'state'], ['model'], ['wire']];
const LAW = FLOORS.map((floor) => floor.join(' | ')).join(' > ');

/** The entry stands above all; the table of views is the one file of views/ that knows every view. */
const ENTRY = 'index.tsx';
const TABLE = 'views/index.ts';

const MOST_FILES = 18;

/** Every file below `root`, as posix paths from there. */
function allFiles(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** What a source file imports by a relative path: static, dynamic, types and re-exports alike. */
function importsOf(root, file) {
  const source = readFileSync(join(root, file), 'utf8');
  const { module, errors } = parseSync(file, source, { lang: file.endsWith('x') ? 'tsx' : 'ts' });
  if (errors.length) throw new Error(`${file} cannot be read: ${errors[0].message}`);
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => source.slice(start + 1, end - 1));
  const reexported = module.staticExports.flatMap((one) =>
    one.entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
  );
  const statics = module.staticImports.map((one) => one.moduleRequest.value);
  const inTypes = [...source.matchAll(/\bimport\('(\.[^']+)'\)/g)].map((found) => found[1]);
  return new Set([...statics, ...reexported, ...dynamic, ...inTypes].filter((name) => name.startsWith('.')));
}

/** The file that a relative import names; undefined where there is none. */
function target(root, file, name) {
  const path = posix.join(posix.dirname(file), name.replace(/\?.*$/, ''));
  const tries = ['', '.ts', '.tsx', '.d.ts', '/index.ts'].map((ending) => path + ending);
  return tries.find((one) => existsSync(join(root, one)) && statSync(join(root, one)).isFile());
}

const floorOf = (file) => FLOORS.findIndex((floor) => floor.includes(file.split('/')[0]));
const roomOf = (file) => file.split('/').slice(0, 2).join('/');

/** Why `file` may not import `other`; undefined where it may. */
function breach(file, other) {
  if (file === ENTRY) return undefined;
  if (other === ENTRY) return 'nothing imports the entry';
  const [from, to] = [floorOf(file), floorOf(other)];
  if (from < 0 || to < 0) return `only ${FLOORS.flat().join(', ')} and ${ENTRY} stand in src/`;
  if (to < from) return `imports point down: ${LAW}`;
  if (to > from) return undefined;
  if (file.split('/')[0] !== other.split('/')[0]) return `${FLOORS[from].join(' and ')} do not know each other`;
  if (FLOORS[from][0] !== 'views' || file === TABLE || roomOf(file) === roomOf(other)) return undefined;
  return other === TABLE
    ? `a view does not know ${TABLE}`
    : 'views do not import one another: what two of them share goes to ui/';
}

/** Files that import each other in a circle, each circle once. */
function circles(graph) {
  const found = new Map();
  const done = new Set();
  const walk = (file, path) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const circle = path.slice(at);
      found.set([...circle].sort().join(), [...circle, file]);
    } else if (!done.has(file)) {
      for (const other of graph.get(file) ?? []) walk(other, [...path, file]);
      done.add(file);
    }
  };
  for (const file of graph.keys()) walk(file, []);
  return [...found.values()];
}

/** A sentence for each import of the sources below `root` that breaks a rule, each circle, each folder that is too full. */
export function check(root) {
  const files = allFiles(root);
  const said = [];
  const graph = new Map();
  for (const file of files.filter((one) => /\.tsx?$/.test(one))) {
    graph.set(file, []);
    for (const name of importsOf(root, file)) {
      const other = target(root, file, name);
      const why = other === undefined ? 'there is no such file' : breach(file, other);
      if (why) said.push(`${file} imports ${name}: ${why}.`);
      if (other) graph.get(file).push(other);
    }
  }
  for (const circle of circles(graph)) said.push(`${circle.join(' imports ')}: imports do not go round.`);
  for (const folder of new Set(files.map((file) => posix.dirname(file)))) {
    const count = files.filter((file) => posix.dirname(file) === folder).length;
    if (count > MOST_FILES) said.push(`${folder}/ holds ${count} files: at most ${MOST_FILES} in a folder.`);
  }
  return { said, count: graph.size };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { said, count } = check(resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '../src')));
  for (const sentence of said) console.error(sentence);
  if (said.length) process.exit(1);
  console.log(`imports: ${count} files, all point down (${LAW})`);
}
