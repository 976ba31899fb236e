// SPDX-License-Identifier: Apache-2.0
// More on a run with signals that are not ours. What the server says of them is made up here, on a real TensorBoard.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { axeViolations } from './axe.mjs';
import { launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

const url = process.env.TAB_URL;
const STEPS = Array.from({ length: 12 }, (_, i) => i * 50);
const KINDS = [
  { name: 'fisher', title: 'Fisher information', meaning: 'How sharp the loss is.', unit: 'nats', scale: 'log' },
  { name: 'wide', title: 'Two hundred rows', meaning: '', unit: '', scale: 'linear' },
  { name: 'hollow', title: 'Nothing in it', meaning: '', unit: '', scale: 'share' },
];

/** Rows, columns and values of a kind at a step. */
function tableOf(kind, step) {
  if (kind === 'fisher')
    return { rows: ['conv1', 'fc'], columns: ['trace', 'largest'], value: (r, c) => 10 ** (r + c) * (1 + step) };
  if (kind === 'hollow') return { rows: ['a', 'b'], columns: ['x'], value: () => NaN };
  const rows = Array.from({ length: 200 }, (_, i) => `row ${i}`);
  return { rows, columns: ['x'], value: (r) => Math.sin(r + step / 100) * r };
}

function framesOf(kind, begin, end) {
  const frames = new BinaryWriter();
  for (const step of STEPS.filter((one) => begin <= one && one <= end)) {
    const { rows, columns, value } = tableOf(kind, step);
    const values = Float32Array.from(rows.flatMap((_, r) => columns.map((_column, c) => value(r, c))));
    const record = new BinaryWriter().uint32(8).uint32(1).uint32(18).string(kind);
    for (const row of rows) record.uint32(26).string(row);
    for (const column of columns) record.uint32(34).string(column);
    record.uint32(42).bytes(new Uint8Array(values.buffer));
    frames.uint32(10).fork().uint32(8).uint64(step).uint32(17).double(step).uint32(26).bytes(record.finish()).join();
  }
  return Buffer.from(frames.finish());
}

let context;
before(async () => {
  context = await launch();
});
after(() => context.close());

/** A page whose catalog lists our kinds, and whose records are made up for them. */
async function morePage() {
  const { page, problems } = await watchedPage(context);
  await page.route('**/plugin/xai/catalog?**', async (route) => {
    const found = await (await route.fetch()).json();
    const tags = KINDS.map(({ name }) => ({
      tag: `numbers/${name}`,
      kind: 'Numbers',
      method: '',
      layer: '',
      signal: name,
      statistic: true,
      step_runs: [[0, 50, STEPS.length]],
      wall_times: STEPS,
    }));
    await route.fulfill({
      json: { ...found, tags: [...found.tags, ...tags], descriptions: { ...found.descriptions, kinds: KINDS } },
    });
  });
  await page.route('**/plugin/xai/records?**', async (route) => {
    const query = new URL(route.request().url()).searchParams;
    const [, kind] = /^numbers\/(.*)$/.exec(query.get('tag')) ?? [];
    if (!kind) return route.continue();
    const body = framesOf(kind, Number(query.get('begin')), Number(query.get('end')));
    return route.fulfill({ body, contentType: 'application/octet-stream' });
  });
  return { page, problems };
}

test('a run without such signals has no tab for them', async () => {
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, url, { run: 'wide/xai' });
  await frame.waitForSelector('main canvas', { timeout: 60_000 });
  assert.equal(await frame.getByRole('button', { name: 'More', exact: true }).count(), 0);
  assert.deepEqual(problems, []);
  await page.close();
});

test('their lines and tables follow the scrubber, and are clean for axe in both themes', async () => {
  const { page, problems } = await morePage();
  const frame = await openTab(page, url, { run: 'wide/xai', step: 120 });
  await frame.getByRole('button', { name: 'More', exact: true }).click();
  const kind = (title) => frame.getByRole('region', { name: title, exact: true });
  await says(
    kind('Fisher information'),
    /in nats/,
    /How sharp the loss is\./,
    /At step 100 showing 100 for 120/,
    /fc\s+1010\s+1\.01·10⁴|fc\s+1010\s+10100/,
  );
  await says(kind('Two hundred rows'), /the 12 rows that reach furthest from 0, of 200/);
  await says(kind('Nothing in it'), /No value of x is a number at any step\./, /a\s+–/);
  await kind('Fisher information').getByLabel('column').selectOption('largest');
  await says(kind('Fisher information'), /largest, one line a row/);
  await frame.locator('main').click({ position: { x: 3, y: 3 } });
  await page.keyboard.press('ArrowRight');
  await says(kind('Fisher information'), /At step 150/);
  for (const dark of [false, true]) {
    await setDark(page, dark);
    if (process.env.PICTURES)
      await page.screenshot({ path: `${process.env.PICTURES}/more_${dark ? 'dark' : 'light'}.png` });
    assert.deepEqual(await axeViolations(frame), []);
  }
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
});
