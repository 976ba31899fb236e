// SPDX-License-Identifier: Apache-2.0
// The table of views: tabs, keys and address follow from its rows.
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let table: typeof import('../../src/views/index');
let shown: typeof import('../../src/state/shown_view');
let store: typeof import('../../src/state/store');
let tags: unknown[];
const stops: (() => void)[] = [];

beforeEach(async () => {
  tags = [];
  vi.stubGlobal('fetch', async (url: URL) =>
    url.pathname === '/runs'
      ? Response.json({ runs: [{ run: 'a', name: 'a' }] })
      : Response.json({ run: 'a', name: 'a', problems: [], tags }),
  );
  vi.resetModules();
  (await import('../../src/wire/api')).setHome('http://host/index.js');
  table = await import('../../src/views/index');
  shown = await import('../../src/state/shown_view');
  store = await import('../../src/state/store');
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.unstubAllGlobals();
});

async function header(): Promise<HTMLElement> {
  const { Header } = await import('../../src/app/header');
  const { listenToKeys } = await import('../../src/app/keys');
  const { h } = await import('preact');
  const root = document.createElement('div');
  document.body.append(root);
  await act(() => render(h(Header, {}), root));
  stops.push(
    listenToKeys(),
    () => render(null, root),
    () => root.remove(),
  );
  await act(() => vi.waitFor(() => expect(store.run.value).toBe('a')));
  await act(async () => void (await store.catalog('a').want()));
  return root;
}

const tabs = (root: HTMLElement): string[] => [...root.querySelectorAll('.tab')].map((one) => one.textContent!);
const press = (key: string): Promise<void> =>
  act(() => void window.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true })));

test('ids are different, and the first row is the landing view', () => {
  const ids = table.VIEWS.map((one) => one.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(shown.view.value).toBe(ids[0]);
  expect(table.shownRow()).toBe(table.VIEWS[0]);
});

test('header and keys take their views from the table; what a run has nothing for is left out', async () => {
  const root = await header();
  expect(tabs(root)).toEqual(['Overview', 'Explanations', 'Layers', 'Attention', 'Compare']);
  await press('3');
  expect(shown.view.value).toBe('layers');
  await press('6');
  expect(shown.view.value).toBe('layers');
});

test('More has a tab and a key as soon as the run holds numbers', async () => {
  tags = [
    {
      tag: 'numbers/fisher',
      kind: 'Numbers',
      method: '',
      layer: '',
      signal: 'fisher',
      statistic: true,
      steps: [0],
      wall_times: [1],
    },
  ];
  const root = await header();
  expect(tabs(root).at(-1)).toBe('More');
  await press('6');
  expect(shown.view.value).toBe('more');
  expect(store.viewSteps.value).toEqual([0]);
});
