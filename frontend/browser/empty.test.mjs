// SPDX-License-Identifier: Apache-2.0
// The tab on a log directory without our data: it says how to get some.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeViolations } from './axe.mjs';
import { launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

test('without data the tab is inactive and says what to do', async () => {
  const listing = await (await fetch(`${process.env.TAB_URL}/data/plugins_listing`)).json();
  assert.equal(listing.xai.enabled, false);
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, process.env.TAB_URL);
  await page.waitForTimeout(1500);
  await says(frame.locator('body'), /pip install/, /watch\(|ExplainCallback/);
  for (const dark of [false, true]) {
    await setDark(page, dark);
    assert.deepEqual(await axeViolations(frame), []);
  }
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
});
