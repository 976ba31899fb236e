// SPDX-License-Identifier: Apache-2.0
// What things are called and mean comes with the catalog; without it names are all there is.
import { effect } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Descriptions } from '../../src/wire/api';
import { DESCRIPTIONS } from '../descriptions';

let said: typeof import('../../src/state/descriptions');
let store: typeof import('../../src/state/store');
let chosen: typeof import('../../src/state/selection');
let sent: Partial<Descriptions> | undefined;
let newest: number;
let stop = (): void => undefined;

beforeEach(async () => {
  [sent, newest] = [DESCRIPTIONS, 1];
  vi.stubGlobal('fetch', async (url: URL) => {
    if (url.pathname === '/runs') return Response.json({ runs: [{ run: 'a', name: 'a', updated: newest }] });
    const tags = [
      { tag: 'status', kind: 'RunStatus', method: '', layer: '', signal: '', steps: [newest], wall_times: [newest] },
    ];
    return Response.json({ run: 'a', name: 'a', problems: [], tags, descriptions: sent });
  });
  vi.resetModules();
  (await import('../../src/wire/api')).setHome('http://host/index.js');
  said = await import('../../src/state/descriptions');
  store = await import('../../src/state/store');
  chosen = await import('../../src/state/selection');
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
});

async function open(): Promise<void> {
  stop = effect(() => void [store.runs.loaded.value, store.tagsOf(store.run.value), said.descriptions.value]);
  await vi.waitFor(() => expect(store.tagsOf('a').length).toBe(1));
}

test('methods, statistics and kinds are called what the log calls them', async () => {
  await open();
  expect(said.tagLabel({ method: 'grad_cam', layer: '' })).toBe('Grad-CAM · input');
  expect(said.methodMeaning('grad_cam')).toBe('meaning of grad_cam');
  expect(['guided_backprop', 'grad_cam', 'other'].map(said.failsRandomisation)).toEqual([true, false, false]);
  expect(said.columnMeaning('gradient', 'norm')).toBe('meaning of norm');
  expect(said.kindOf('fisher')).toMatchObject({ title: 'Fisher information', unit: 'nats', scale: 'log' });
});

test('the statistic in the address is found by its key, and what is not there is the first', async () => {
  await open();
  chosen.metric.value = 'own';
  expect(said.chosenColumn.value?.name).toBe('kurtosis');
  chosen.metric.value = 'gone';
  expect(said.chosenColumn.value?.key).toBe('dead');
});

test.each([undefined, {}, { methods: [], columns: [], kinds: [] }])(
  'without descriptions there are names: %o',
  async (none) => {
    sent = none;
    await open();
    expect(said.methodName('grad_cam')).toBe('grad cam');
    expect(said.metrics.value).toEqual([]);
    expect(said.chosenColumn.value).toBeUndefined();
    expect(said.kindOf('my_signal')).toEqual({
      name: 'my_signal',
      title: 'my signal',
      meaning: '',
      unit: '',
      scale: 'linear',
    });
  },
);

test('a new step changes the catalog, and not the descriptions', async () => {
  await open();
  const [before, metrics] = [said.descriptions.value, said.metrics.value];
  newest = 2;
  await store.refreshAll();
  expect(store.tagsOf('a')[0]!.steps).toEqual([2]);
  expect(said.descriptions.value).toBe(before);
  expect(said.metrics.value).toBe(metrics);
});
