// SPDX-License-Identifier: Apache-2.0
// The tab draws every view, whatever data loader or path prefix serves it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openTab, violations, watchedPage } from './browser.mjs';

let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

for (const view of ['overview', 'explanations', 'layers', 'attention', 'compare']) {
  test(`${view} draws`, async () => {
    const { page, problems } = await watchedPage(context);
    const frame = await openTab(page, process.env.TAB_URL, { run: 'healthy/xai', view });
    await frame.waitForSelector('main canvas', { timeout: 60_000 });
    await page.waitForTimeout(1500);
    assert.deepEqual(problems, []);
    assert.deepEqual(await violations(page, frame), []);
    await page.close();
  });
}
