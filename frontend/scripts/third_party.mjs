// SPDX-License-Identifier: Apache-2.0
// A Vite plugin that writes THIRD_PARTY.txt: name, version, licence and its full text of everything in the built tab.
// The same sources and node_modules give the same bytes.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const frontend = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const RULE = `${'-'.repeat(100)}\n`;

/** Code that the build tools themselves put into a bundle, by how its module is called. */
const TOOLS = [
  [/^\0?vite\//, 'vite'],
  [/^\0?rolldown\//, 'rolldown'],
];

/** The package that a bundled module is of; undefined for our own. */
function packageOf(id) {
  const tool = TOOLS.find(([pattern]) => pattern.test(id));
  if (tool) return tool[1];
  const path = id.split(/[/\\]node_modules[/\\]/).at(-1);
  return path === id
    ? undefined
    : path
        .split(/[/\\]/)
        .slice(0, path.startsWith('@') ? 2 : 1)
        .join('/');
}

/** Its licence file, without what such a file says of code that is not in our bundle. */
function licenceText(folder) {
  const name = readdirSync(folder)
    .sort()
    .find((one) => /^(licen[cs]e|copying)(\.|$)/i.test(one));
  const text = name && readFileSync(join(folder, name), 'utf8').replace(/\r\n/g, '\n');
  return text?.split(/^# Licenses of bundled dependencies$/m)[0].trim();
}

/** The comments at the head of bundled modules that name a copyright, each once. */
function headers(ids) {
  const found = new Set();
  for (const id of ids) {
    const [head] = /^(?:\/\/.*\n)+/.exec(readFileSync(id.replace(/\?.*$/, ''), 'utf8').replace(/\r\n/g, '\n')) ?? [''];
    if (/copyright/i.test(head)) found.add(head.replace(/^\/\/ ?/gm, '').trim());
  }
  return [...found].sort();
}

/** One package's part of the file. */
function notice(name, ids) {
  const folder = join(frontend, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  let text = licenceText(folder);
  if (!text) {
    // It ships no licence file: its own words are at the head of its modules, and the Apache licence is ours as well.
    const own = headers(ids);
    if (own.length === 0) throw new Error(`${name} has no licence text in its package: find it, or leave ${name} out`);
    const apache = /Apache-2\.0/.test(license) ? [readFileSync(join(frontend, '../LICENSE'), 'utf8').trim()] : [];
    text = [...own, ...apache].join(`\n\n`);
  }
  return `${RULE}${name} ${version}\nLicence: ${license}\n${RULE}\n${text}\n`;
}

/** Every runtime dependency, and whatever else the bundle holds. */
export function thirdParty() {
  return {
    name: 'third-party-notices',
    generateBundle(_, bundle) {
      const { dependencies } = JSON.parse(readFileSync(join(frontend, 'package.json'), 'utf8'));
      const modules = new Map(Object.keys(dependencies).map((name) => [name, []]));
      for (const id of Object.values(bundle).flatMap((one) => Object.keys(one.modules ?? {}))) {
        const name = packageOf(id);
        if (name) modules.set(name, [...(modules.get(name) ?? []), id]);
      }
      const parts = [...modules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, ids]) => notice(name, ids));
      const source = `The files of this folder hold code of these packages, under the licences below.\n\n${parts.join('\n')}`;
      this.emitFile({ type: 'asset', fileName: 'THIRD_PARTY.txt', source });
    },
  };
}
