// SPDX-License-Identifier: Apache-2.0
// Explanations with several methods, trust, filters, two steps and export, on made-up runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { axeViolations } from './axe.mjs';
import { eventually, launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

const url = process.env.TAB_URL;
let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

/** Open Explanations in `state`, run `body`, and see that nothing went wrong meanwhile. */
async function inTab(state, body) {
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, url, { view: 'explanations', ...state });
  await frame.waitForSelector('.films canvas', { timeout: 60_000 });
  await page.waitForTimeout(800);
  await body({ page, frame });
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
}

const has = (locator, name, pattern) =>
  eventually(
    () => locator.getAttribute(name),
    (said) => assert.match(said, pattern),
  );

test('further methods become lines of every sample, and the address keeps them', () =>
  inTab({ run: 'wide/xai' }, async ({ page, frame }) => {
    const lines = frame.locator('.film-row').first().locator('.film-line');
    assert.equal(await lines.count(), 1);
    await frame.getByRole('button', { name: 'Guided backprop' }).click();
    await frame.getByRole('button', { name: 'Integrated Gradients' }).click();
    await frame.getByText('fails the randomisation test (Adebayo et al. 2018)').first().waitFor();
    await frame.getByText('Integrated Gradients · input').nth(1).waitFor();
    await eventually(
      () => lines.count(),
      (count) => assert.equal(count, 3),
    );
    await page.waitForTimeout(500);
    await page.waitForURL(/methods=/, { timeout: 10_000 });
    await has(frame.locator('canvas[aria-label*="Guided backprop"]').nth(1), 'aria-label', /constant/);
    await frame.getByText('1 method not captured').click();
    await says(frame.locator('main'), /Attention rollout: the model has no attention layer — Explain a transformer/);
    for (const dark of [false, true]) {
      await setDark(page, dark);
      assert.deepEqual(await axeViolations(frame), []);
    }
  }));

test('trust says what was measured, what was not and why; an unstable map is called so', () =>
  inTab({ run: 'wide/xai', sample: 1, step: 600 }, async ({ frame }) => {
    await says(
      frame.locator('main'),
      /unstable/,
      /stability\s+0\.20/,
      /not measured: measured from step 1000 on/,
      /not measured: only of methods whose attributions add up/,
    );
  }));

/** How many points of a canvas have the colour of given regions. */
const cyan = (canvas) =>
  canvas.evaluate((one) => {
    const { data } = one.getContext('2d').getImageData(0, 0, one.width, one.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) found += Number(data[i] < 90 && data[i + 1] > 130 && data[i + 2] > 170);
    return found;
  });

test('given regions are outlined where there are any, until they are switched off', () =>
  inTab({ run: 'wide/xai' }, async ({ page, frame }) => {
    const without = frame.locator('canvas.film').nth(0);
    const marked = frame.locator('canvas.film').nth(1);
    assert.equal(await cyan(without), 0);
    await eventually(
      () => cyan(marked),
      (points) => assert.ok(points > 50),
    );
    await frame.getByLabel('given regions').uncheck();
    await eventually(
      () => cyan(marked),
      (points) => assert.equal(points, 0),
    );
    await page.waitForURL(/regions=no/, { timeout: 10_000 });
  }));

test('filters and the order of rows', () =>
  inTab({ run: 'wide/xai', step: 2000 }, async ({ frame }) => {
    await frame.getByLabel('confidence').selectOption('0.8');
    await says(frame.locator('main'), /2 of 6 samples/);
    await frame.getByLabel('confidence').selectOption('0');
    await frame.getByLabel('order').selectOption('drift');
    await frame.getByLabel('rows').selectOption('classes');
    await says(frame.locator('main'), /mean of 2 × cat/);
  }));

test('where the focus jumps is marked on the scrubber, and since when it is settled is said', () =>
  inTab({ run: 'narrow/xai', sample: 1 }, async ({ frame }) => {
    await has(frame.getByRole('slider', { name: 'Step' }), 'title', /focus jumps: 600/);
    await says(frame.locator('main'), /like now since 600/);
  }));

test('two steps of a sample: divider and difference', () =>
  inTab({ run: 'narrow/xai', a: 300 }, async ({ frame }) => {
    await frame.waitForSelector('.sample-ab canvas');
    await frame.getByRole('slider', { name: /Divider/ }).waitFor();
    await says(frame.locator('main'), /red more at B/);
    assert.deepEqual(await axeViolations(frame), []);
  }));

test('tokens are text, features are bars', async () => {
  await inTab({ run: 'words/xai' }, async ({ frame }) => {
    await eventually(
      () => frame.locator('.word').count(),
      (count) => assert.equal(count, 10),
    );
    await says(frame.locator('main'), /wonderful/);
    assert.deepEqual(await axeViolations(frame), []);
  });
  await inTab({ run: 'table/xai' }, async ({ frame }) => {
    await says(frame.locator('.bars'), /distance to the centre/);
    assert.deepEqual(await axeViolations(frame), []);
  });
});

const STARTS = { PNG: '89504e47', GIF: '47494638', CSV: Buffer.from('run,').toString('hex') };

for (const view of ['explanations', 'compare']) {
  for (const [kind, start] of Object.entries(STARTS)) {
    test(`${view} is saved as ${kind}`, async () => {
      const { page, problems } = await watchedPage(context);
      const frame = await openTab(page, url, { run: 'narrow/xai', with: 'wide/xai', view });
      await frame.waitForSelector('main canvas', { timeout: 60_000 });
      const waiting = page.waitForEvent('download', { timeout: 60_000 });
      await frame.getByRole('button', { name: kind, exact: true }).click();
      const file = await waiting;
      assert.match(file.suggestedFilename(), new RegExp(`grad_cam.*\\.${kind.toLowerCase()}$`));
      const bytes = readFileSync(await file.path());
      assert.equal(bytes.subarray(0, 4).toString('hex'), start);
      assert.deepEqual(problems, []);
      assert.deepEqual(await violations(page, frame), []);
      await page.close();
    });
  }
}
