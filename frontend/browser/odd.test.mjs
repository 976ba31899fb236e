// SPDX-License-Identifier: Apache-2.0
// Logs with something wrong: each gets a sentence a person can act on, and no traceback.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openTab, says, violations, watchedPage } from './browser.mjs';

let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

const SAYS = {
  newer: { overview: /schema version 9.*pip install -U tb-xai-plugin/s },
  waiting: { explanations: /500/, overview: /500|waiting/i },
  partial: { explanations: /no layer.s output has rows and columns/, attention: /no attention layer/ },
  torn: { layers: /fc1/ },
};

for (const [run, views] of Object.entries(SAYS)) {
  for (const [view, expected] of Object.entries(views)) {
    test(`${run} in ${view}`, async () => {
      const { page, problems } = await watchedPage(context);
      const frame = await openTab(page, process.env.TAB_URL, { run: `${run}/xai`, view });
      await page.waitForTimeout(2500);
      const said = await says(frame.locator('body'), expected);
      assert.doesNotMatch(said, /Traceback|undefined|NaN|\[object/);
      assert.deepEqual(problems, []);
      assert.deepEqual(await violations(page, frame), []);
      await page.close();
    });
  }
}
