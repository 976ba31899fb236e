// SPDX-License-Identifier: Apache-2.0
// Compare on made-up runs: three clicks to two runs' Grad-CAM at one step, and a sentence where that cannot be.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeViolations } from './axe.mjs';
import { eventually, launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

const url = process.env.TAB_URL;
let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

/** Open the tab in `state`, run `body`, and see that nothing went wrong meanwhile. */
async function inTab(state, body) {
  const { page, problems, requests } = await watchedPage(context);
  const frame = await openTab(page, url, state);
  await page.waitForTimeout(1500);
  await body({ page, frame, requests });
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
}

test('two runs’ Grad-CAM at one step in three clicks', () =>
  inTab({}, async ({ frame }) => {
    await frame.getByRole('button', { name: 'Compare', exact: true }).click();
    await frame.getByRole('button', { name: 'narrow' }).click();
    const track = frame.getByRole('slider', { name: 'Step' });
    const box = await track.boundingBox();
    await track.click({ position: { x: box.width * 0.58, y: 10 } });
    await frame.waitForSelector('.compare-grid canvas');
    const said = await says(frame.locator('main'), /A\s+wide/, /B\s+narrow/, /showing 1 000 for 1 [12]\d\d/, /B − A/);
    assert.equal(await frame.locator('select').nth(1).inputValue(), 'grad_cam');
    assert.doesNotMatch(said, /probes differ/);
  }));

test('the second run is chosen by itself, and key 5 opens the view', () =>
  inTab({ run: 'narrow/xai' }, async ({ page, frame }) => {
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    await page.keyboard.press('5');
    await frame.waitForSelector('.compare-grid canvas');
    await says(frame.locator('main'), /B\s+wide/);
    await page.waitForTimeout(400);
    await page.waitForURL(/view=compare/, { timeout: 10_000 });
  }));

test('different probes are said before anything is read from the pictures', () =>
  inTab({ run: 'narrow/xai', view: 'compare', with: 'other/xai' }, async ({ frame }) => {
    await frame.waitForSelector('.compare-grid canvas');
    await says(frame.locator('main'), /probes differ/);
  }));

test('runs with nothing in common, and runs without explanations, get a sentence', async () => {
  await inTab({ run: 'wide/xai', view: 'compare', with: 'table/xai', method: 'grad_cam' }, async ({ frame }) => {
    await frame.waitForSelector('.compare-grid canvas');
  });
  await inTab({ run: 'narrow/xai', view: 'compare', with: 'bare/xai' }, async ({ frame }) => {
    await says(frame.locator('main'), /no method at a layer of the same name in common.*bare: no explanations/s);
  });
  await inTab({ run: 'bare/xai', view: 'compare' }, async ({ frame }) => {
    await says(frame.locator('main'), /no layer.s output has rows and columns/);
  });
});

test('swipe moves by keyboard, D shows the difference, and two steps can be compared', () =>
  inTab({ run: 'narrow/xai', view: 'compare', with: 'wide/xai', compare: 'swipe' }, async ({ page, frame }) => {
    const range = frame.getByRole('slider', { name: /Divider/ });
    await range.focus();
    const before = Number(await range.inputValue());
    await page.keyboard.press('ArrowRight');
    await eventually(
      () => range.inputValue(),
      (now) => assert.ok(Number(now) > before),
    );
    await page.keyboard.press('d');
    await frame.getByText('B − A on the same scale').waitFor();
    await frame.getByRole('button', { name: 'Steps', exact: true }).click();
    await frame.waitForSelector('.large-picture canvas');
    await says(frame.locator('main'), /step 0\s.*step 2 000/s);
    assert.deepEqual(await axeViolations(frame), []);
  }));

test('scrubbing asks the server for no records', () =>
  inTab({ run: 'narrow/xai', view: 'compare', with: 'wide/xai' }, async ({ page, frame, requests }) => {
    await frame.waitForSelector('.compare-grid canvas');
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    await page.keyboard.press('Home');
    await page.waitForTimeout(500);
    const asked = () => requests.filter((one) => !/\/(runs|catalog)\b/.test(one)).length;
    const before = asked();
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(300);
    assert.equal(asked(), before);
  }));

for (const dark of [false, true]) {
  for (const compare of ['grid', 'swipe', 'difference']) {
    test(`${compare} is clean for axe in ${dark ? 'dark' : 'light'}`, () =>
      inTab({ run: 'narrow/xai', view: 'compare', with: 'other/xai', compare }, async ({ page, frame }) => {
        await setDark(page, dark);
        assert.deepEqual(await axeViolations(frame), []);
      }));
  }
}
