// SPDX-License-Identifier: Apache-2.0
import { effect } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Resource } from '../../src/wire/loadable';
import { attribution, frames } from '../helpers';

// The store lives as long as its module; each test gets a new one.
let clock: typeof import('../../src/state/clock');
let chosen: typeof import('../../src/state/selection');
let store: typeof import('../../src/state/store');

const TAG = 'attribution/grad_cam/conv1';
let snapshots: number[];
let asked: string[];
const stops: (() => void)[] = [];

function answer(url: URL): Response {
  asked.push(url.pathname.slice(1) + url.search);
  if (url.pathname === '/runs')
    return Response.json({
      schema_version: 1,
      logdir: 'd',
      runs: [
        { run: 'new/xai', name: 'new', updated: snapshots.length },
        { run: 'old/xai', name: 'old' },
      ],
    });
  if (url.pathname === '/catalog') {
    return Response.json({
      run: 'new/xai',
      name: 'new',
      problems: [],
      tags: [
        {
          tag: TAG,
          kind: 'Attribution',
          method: 'grad_cam',
          layer: 'conv1',
          signal: '',
          steps: snapshots,
          wall_times: snapshots,
        },
        {
          tag: 'stats/activation',
          kind: 'LayerStats',
          method: '',
          layer: '',
          signal: 'activation',
          statistic: true,
          steps: [0, 1, 2],
          wall_times: [0, 1, 2],
        },
      ],
    });
  }
  const [begin, end] = [Number(url.searchParams.get('begin')), Number(url.searchParams.get('end'))];
  const found = snapshots
    .filter((one) => begin <= one && one <= end)
    .map((one) => ({ step: one, wallTime: one, record: attribution() }));
  return new Response(frames(found).slice().buffer);
}

async function open(): Promise<void> {
  stops.push(
    effect(() => {
      void [store.run.value, store.viewSteps.value, store.step.value];
    }),
  );
  await vi.waitFor(() => expect(store.viewSteps.value.length).toBeGreaterThan(0));
}

beforeEach(async () => {
  [snapshots, asked] = [[0, 100, 200], []];
  vi.stubGlobal('fetch', async (url: URL) => answer(url));
  vi.resetModules();
  (await import('../../src/wire/api')).setHome('http://host/index.js');
  [clock, chosen, store] = [
    await import('../../src/state/clock'),
    await import('../../src/state/selection'),
    await import('../../src/state/store'),
  ];
});

afterEach(() => {
  stops.splice(0).forEach((stop) => stop());
  vi.unstubAllGlobals();
});

test('the newest run is shown until one is chosen, by either of its names', async () => {
  await open();
  expect(store.run.value).toBe('new/xai');
  chosen.chosenRun.value = 'old';
  expect(store.run.value).toBe('old/xai');
});

test('all frames of a tag are loaded once, and moving asks for nothing', async () => {
  await open();
  const found = await store.loadAttributions('new/xai', TAG).want();
  expect(found?.map((one) => one.step)).toEqual([0, 100, 200]);
  const before = asked.length;
  clock.goTo(100);
  clock.moveBy(1);
  clock.moveBy(-1);
  await store.loadAttributions('new/xai', TAG).want();
  expect(asked.length).toBe(before);
});

test('more than 256 frames come in pages', async () => {
  snapshots = Array.from({ length: 300 }, (_, i) => i * 3);
  await open();
  expect((await store.loadAttributions('new/xai', TAG).want())?.length).toBe(300);
  expect(asked.filter((one) => one.startsWith('records')).length).toBe(2);
});

test('new data asks only for the new frames, and moves the step only while following', async () => {
  await open();
  stops.push(
    effect(() => {
      void [store.runs.loaded.value, store.loadAttributions('new/xai', TAG).loaded.value];
    }),
  );
  await store.loadAttributions('new/xai', TAG).want();
  expect([store.following.value, store.step.value]).toEqual([true, 200]);
  clock.goTo(100);
  snapshots = [...snapshots, 300];
  await store.refreshAll();
  expect(asked.at(-1)).toContain('begin=300');
  expect(store.snapshotSteps.value.at(-1)).toBe(300);
  expect(store.step.value).toBe(100);
  clock.follow();
  expect(store.step.value).toBe(300);
});

test('a signal that the run does not log is null, and no request is made that would fail', async () => {
  await open();
  expect(await store.series('new/xai', 'gradient', 'norm').want()).toBeNull();
  expect(asked.some((one) => one.startsWith('series'))).toBe(false);
});

test('arrow keys visit explanations in Explanations, every logged step elsewhere', async () => {
  await open();
  await import('../../src/views/index');
  expect(store.viewSteps.value).toEqual([0, 1, 2, 100, 200]);
  (await import('../../src/state/shown_view')).view.value = 'explanations';
  expect(store.viewSteps.value).toEqual([0, 100, 200]);
});

test('a failed reload keeps the last value beside the error, and the button tries again', async () => {
  let fails = false;
  const resource = new Resource(async () => {
    if (fails) throw new Error('no answer');
    return 'good';
  });
  await resource.want();
  fails = true;
  stops.push(
    effect(() => {
      void resource.loaded.value;
    }),
  );
  await Promise.resolve();
  await resource.refresh();
  expect(resource.loaded.value).toEqual({ state: 'error', value: 'good', error: 'no answer' });
  fails = false;
  resource.retry();
  await resource.want();
  expect(resource.loaded.value).toEqual({ state: 'ready', value: 'good', error: '' });
});

test('tables of numbers are loaded once each, and those that a restart wrote anew again', async () => {
  let [steps, times] = [
    [0, 10, 20],
    [1, 2, 3],
  ];
  vi.stubGlobal('fetch', async (url: URL) => {
    if (url.pathname === '/runs') return answer(url);
    if (url.pathname === '/catalog') {
      const tag = { tag: 'numbers/x', kind: 'Numbers', method: '', layer: '', signal: 'x', statistic: true };
      return Response.json({ run: 'new/xai', name: 'new', problems: [], tags: [{ ...tag, steps, wall_times: times }] });
    }
    asked.push(url.search);
    const [begin, end] = [Number(url.searchParams.get('begin')), Number(url.searchParams.get('end'))];
    const record = new Uint8Array([8, 1]);
    const found = steps.map((one, i) => ({ step: one, wallTime: times[i]!, record }));
    return new Response(frames(found.filter(({ step }) => begin <= step && step <= end)).slice().buffer);
  });
  const numbers = () => store.loadNumbers('new/xai', 'numbers/x');
  stops.push(effect(() => void [store.runs.loaded.value, store.allSteps.value, numbers().loaded.value]));
  const seen = async () => (await numbers().want())?.map((one) => [one.step, one.wallTime]);
  expect(await seen()).toEqual([
    [0, 1],
    [10, 2],
    [20, 3],
  ]);
  await vi.waitFor(() => expect(store.allSteps.value).toEqual([0, 10, 20]));
  [steps, times] = [
    [0, 10, 20, 30],
    [1, 2, 3, 4],
  ];
  await store.refreshAll();
  expect((await seen())?.at(-1)).toEqual([30, 4]);
  expect(asked.at(-1)).toContain('begin=30&end=30');
  [steps, times] = [
    [0, 10, 15],
    [1, 8, 9],
  ];
  await store.refreshAll();
  expect(await seen()).toEqual([
    [0, 1],
    [10, 8],
    [15, 9],
  ]);
  expect(asked.at(-1)).toContain('begin=10&end=15');
});
