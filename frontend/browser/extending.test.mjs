// SPDX-License-Identifier: Apache-2.0
// An extension of a user's is called in the tab what its log says: TITLE, in the view VIEW.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openTab, says, violations, watchedPage } from './browser.mjs';

const { TAB_URL: url, TITLE: title, VIEW: view } = process.env;
let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

test(`${title} is read in ${view}`, async () => {
  const { page, problems } = await watchedPage(context);
  const frame = await openTab(page, url, { run: 'mine/xai', view });
  await frame.waitForSelector('main canvas', { timeout: 60_000 });
  await says(frame.locator('main'), new RegExp(title));
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
});
