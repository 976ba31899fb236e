// SPDX-License-Identifier: Apache-2.0
// From a sick run to the evidence of its onset, as `tests/browser/sick_log.py` wrote it.
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

/** Open the tab in `state`, run `body`, and see that nothing went wrong meanwhile; `body` returns its new frame after a reload. */
async function inTab(state, body) {
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, url, state);
  await frame.waitForSelector('main canvas', { timeout: 60_000 });
  await frame.waitForSelector('h1.sentence', { timeout: 60_000 });
  const now = (await body({ page, frame })) ?? frame;
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, now), []);
  await page.close();
}

/** Count the clicks from here on. */
async function countClicks(frame) {
  await frame.evaluate(() => {
    window.__clicks = 0;
    document.addEventListener(
      'click',
      () => {
        window.__clicks += 1;
      },
      true,
    );
  });
  return () => frame.evaluate(() => window.__clicks);
}

const openFirst = (frame) =>
  frame.locator('.incident').first().getByRole('button', { name: 'Open', exact: true }).click();
const item = (frame, key) => frame.locator(`[data-finding="${key}"]`);
const reached = (page, pattern) => page.waitForURL(pattern, { timeout: 10_000 });

/** All that the issue calls the evidence of the onset. */
async function seesEvidence(frame) {
  const drawer = frame.locator('aside.drawer');
  for (const label of [
    /^Activations: histograms/,
    /^Gradients at its output: histograms/,
    /122 of 128 units dead at step 210; most died between steps 200 and 210/,
    /^Update ratio of conv2’s weights: conv2.weight/,
    /^Learning rate of its group: learning_rate\/1 from 0.01 to 1/,
    /^Loss: loss/,
  ]) {
    await drawer.getByRole('img', { name: label }).first().waitFor({ timeout: 30_000 });
  }
  await says(
    drawer,
    /relu2 is dead since step 206/,
    /Likely\s+The learning rate of conv2 rose/,
    /Try\s+Lower the learning rate/,
    /A 180/,
    /B 210/,
    /limit 95/,
  );
  await eventually(
    () => frame.locator('.step-field input').inputValue(),
    (step) => assert.equal(step, '210'),
  );
}

test('one plain sentence, then the findings, the worst first, consequences below their cause', () =>
  inTab({ run: 'sick/xai' }, async ({ frame }) => {
    await says(frame.locator('h1.sentence'), /relu2 is dead since step 206 — share of dead units 97/);
    const titles = await frame.locator('.incidents > li > .finding strong').allInnerTexts();
    assert.deepEqual(titles, [
      'relu2 is dead',
      'Steps of conv2.bias are too large',
      '3 of 10 classes are never predicted',
    ]);
    await frame.getByText('and 3 consequences').click();
    await eventually(
      () => frame.locator('.consequences .finding').count(),
      (count) => assert.equal(count, 3),
    );
  }));

test('two clicks at most from opening the tab to the evidence of the onset', () =>
  inTab({}, async ({ frame }) => {
    const clicks = await countClicks(frame);
    assert.equal(await frame.locator('.run-picker option:checked').innerText(), 'sick', 'the newest run');
    await openFirst(frame);
    await seesEvidence(frame);
    assert.ok((await clicks()) <= 2, `${await clicks()} clicks`);
  }));

test('a mark on the strip names its finding, and one click on it opens the evidence', () =>
  inTab({ run: 'sick/xai' }, async ({ frame }) => {
    const strip = frame.locator('canvas.strip');
    assert.match(await strip.getAttribute('aria-label'), /Marked: relu2 is dead \(step 206\)/);
    const box = await strip.boundingBox();
    const position = { x: (206 / 410) * box.width, y: (3.5 / 6) * box.height };
    await strip.hover({ position });
    await says(frame.locator('.strip-foot .readout'), /■ relu2 is dead since step 206 · share of dead units/);
    await strip.click({ position });
    await seesEvidence(frame);
  }));

test('muted and acknowledged findings stay so in the link, also after a reload', () =>
  inTab({ run: 'sick/xai' }, async ({ page, frame }) => {
    await item(frame, 'dead_layer@relu2').getByRole('button', { name: 'Mute' }).click();
    await item(frame, 'update_too_large@conv2.bias').getByRole('button', { name: 'Acknowledge' }).click();
    await reached(page, /muted=dead_layer%40relu2/);
    await reached(page, /acknowledged=update_too_large%40conv2.bias/);
    await page.reload();
    const again = await (await page.waitForSelector('iframe')).contentFrame();
    await again.waitForSelector('.incident', { timeout: 60_000 });
    await says(again.locator('h1.sentence'), /3 of 10 classes/);
    assert.deepEqual(await again.locator('.findings > .incidents > li > .finding strong').allInnerTexts(), [
      '3 of 10 classes are never predicted',
      'Steps of conv2.bias are too large',
    ]);
    await again.locator('.muted').getByRole('button', { name: 'show' }).click();
    for (const dark of [false, true]) {
      await setDark(page, dark);
      assert.deepEqual(await axeViolations(again), []);
    }
    await again.getByRole('button', { name: 'Unmute' }).click();
    await says(again.locator('h1.sentence'), /relu2 is dead/);
    return again;
  }));

test('"Explain this layer here" opens the next layer with explanations at that step', () =>
  inTab({ run: 'sick/xai' }, async ({ page, frame }) => {
    await openFirst(frame);
    await frame.getByRole('button', { name: 'Explain this layer here' }).click();
    await frame.waitForSelector('button[aria-current="page"]:text-is("Explanations")');
    await reached(page, /layer=conv3/);
    await page.waitForURL(/step=210/, { timeout: 10_000 });
    await frame.getByText('showing 200 for 210').first().waitFor({ timeout: 30_000 });
  }));

test('a rule’s definition is one hover away, and all rules say whether they watch', () =>
  inTab({ run: 'fine/xai' }, async ({ frame }) => {
    await says(frame.locator('h1.sentence'), /✓\s+Nothing found up to step 400: 6 rules watching, 1 waiting, 1 off/);
    const rules = frame.locator('details.rules');
    await says(
      rules.locator('summary'),
      /waiting: not enough data yet \(400 of 500 steps\).*off: attention is not captured/,
    );
    await rules.locator('summary').click();
    assert.match(await rules.locator('dt', { hasText: 'dead layer' }).getAttribute('title'), /^At least 95 %/);
    await says(rules, /rank collapse\s+waiting: not enough data yet/);
  }));

test('with too few steps the tab says how many it has and needs', () =>
  inTab({ run: 'early/xai' }, async ({ frame }) => {
    await says(frame.locator('h1.sentence'), /Not enough data yet \(12 of 50 steps\): 8 rules waiting/);
  }));

test('keys walk the findings, a parameter’s opens its layer, and Escape closes', () =>
  inTab({ run: 'sick/xai' }, async ({ page, frame }) => {
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    const title = frame.locator('#drawer-title');
    const opened = [];
    for (const key of ['n', 'n', 'n', 'n', 'n', 'Shift+N']) {
      await page.keyboard.press(key);
      await title.waitFor();
      opened.push(await title.innerText());
    }
    assert.deepEqual(opened, ['relu2', 'conv1', 'Whole network', 'conv3', 'conv2', 'conv3']);
    await page.keyboard.press('Escape');
    await title.waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await frame.getByText('open the next finding; with Shift the previous one').waitFor();
  }));

for (const [name, state] of Object.entries({
  layer: { finding: 'dead_layer@relu2', a: '180', b: '210', step: '210' },
  network: { finding: 'no_better_than_constant' },
})) {
  test(`the drawer of a finding of the ${name} is clean for axe in both themes`, () =>
    inTab({ run: 'sick/xai', ...state }, async ({ page, frame }) => {
      await frame
        .getByRole('img', { name: /^Loss: loss/ })
        .first()
        .waitFor({ timeout: 30_000 });
      await frame.locator('aside .why').click();
      await frame.getByText('and 3 consequences').click();
      for (const dark of [false, true]) {
        await setDark(page, dark);
        assert.deepEqual(await axeViolations(frame), []);
      }
    }));
}
