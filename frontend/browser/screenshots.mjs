// SPDX-License-Identifier: Apache-2.0
// The pictures of the README: every view in both themes. TAB_URL: TensorBoard on the demo's logs.
import { mkdirSync } from 'node:fs';
import { launch, openTab, setDark, watchedPage } from './browser.mjs';

const VIEWS = {
  film: { run: 'shortcut/xai', view: 'explanations', class: '2', sample: '12' },
  overview: { run: 'dying/xai', view: 'overview' },
  explanations: { run: 'healthy/xai', view: 'explanations' },
  layers: { run: 'dying/xai', view: 'layers' },
  attention: { run: 'healthy/xai', view: 'attention' },
};

const out = process.env.OUT ?? 'screenshots';
mkdirSync(out, { recursive: true });
const context = await launch();
for (const [name, state] of Object.entries(VIEWS)) {
  const { page } = await watchedPage(context);
  const frame = await openTab(page, process.env.TAB_URL, state);
  await frame.waitForSelector('canvas', { timeout: 60_000 });
  await page.waitForTimeout(4000);
  for (const dark of [false, true]) {
    await setDark(page, dark);
    await page.waitForTimeout(800);
    await page.screenshot({ path: `${out}/${name}_${dark ? 'dark' : 'light'}.png` });
  }
  await page.close();
}
await context.close();
