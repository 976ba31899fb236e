// SPDX-License-Identifier: Apache-2.0
// Signals and statistics that are not ours: they are drawn and called what their log says, in both themes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeViolations } from './axe.mjs';
import { launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

const url = process.env.TAB_URL;

let context;
before(async () => {
  context = await launch();
});
after(() => context.close());

/** Open the tab in `state`, run `body`, and see that nothing went wrong meanwhile. */
async function inTab(state, body) {
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, url, state);
  await frame.waitForSelector('main canvas', { timeout: 60_000 });
  await body({ page, frame });
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
}

test('a run without such signals has no tab for them', () =>
  inTab({ run: 'plain/xai' }, async ({ frame }) => {
    await frame.getByRole('button', { name: 'Compare', exact: true }).waitFor();
    assert.equal(await frame.getByRole('button', { name: 'More', exact: true }).count(), 0);
  }));

test('their lines and tables follow the scrubber, and are clean for axe in both themes', () =>
  inTab({ run: 'own/xai', step: 120 }, async ({ page, frame }) => {
    await frame.getByRole('button', { name: 'More', exact: true }).click();
    const kind = (title) => frame.getByRole('region', { name: title, exact: true });
    const fisher = kind('Fisher information');
    await says(fisher, /in nats/, /How sharp the loss is\./, /At step 100 showing 100 for 120/i, /fc\s+1010\s+10100/);
    await says(kind('Two hundred rows'), /the 12 rows that reach furthest from 0, of 200/);
    await says(kind('Nothing in it'), /No value of x is a number at any step\./, /a\s+–/);
    await says(kind('my signal'), /x, one line a row/, /only\s+100/);
    await fisher.getByLabel('column').selectOption('largest');
    await says(fisher, /largest, one line a row · log axis/);
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    await page.keyboard.press('ArrowRight');
    await says(fisher, /At step 150/);
    for (const dark of [false, true]) {
      await setDark(page, dark);
      assert.deepEqual(await axeViolations(frame), []);
    }
  }));

test('a statistic of one’s own is among the strip’s choices, in its words', () =>
  inTab({ run: 'own/xai', view: 'layers' }, async ({ page, frame }) => {
    await frame.getByLabel('metric').selectOption({ label: 'kurtosis' });
    await says(frame.locator('main'), /Weight of the tails\./, /conv1/);
    await page.waitForURL(/metric=kurtosis/, { timeout: 10_000 });
  }));
