// SPDX-License-Identifier: Apache-2.0
// Milliseconds from the tab's navigation to the Overview's strip being drawn, and what each request took. Run
// by benchmarks/reading.py; TAB_URL: TensorBoard. Prints one JSON object.
import { launch, openTab, watchedPage } from './browser.mjs';

const context = await launch();
const { page, problems } = await watchedPage(context);
await page.addInitScript(() => {
  performance.setResourceTimingBufferSize(1000);
  const look = () => {
    const strip = [...document.querySelectorAll('section[aria-labelledby=strip-title] canvas')].some(
      (one) => one.width > 1,
    );
    if (strip)
      requestAnimationFrame(() => {
        window.__painted = performance.now();
      });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
const paints = [];
let requests = [];
for (let i = 0; i < Number(process.env.TIMES ?? 5); i++) {
  await page.goto('about:blank');
  const frame = await openTab(page, process.env.TAB_URL, { run: process.env.RUN });
  await frame.waitForFunction(() => window.__painted !== undefined, undefined, { timeout: 120_000 });
  await page.waitForTimeout(1500);
  const seen = await frame.evaluate(() => ({
    painted: window.__painted,
    requests: performance
      .getEntriesByType('resource')
      .filter((one) => one.name.includes('/data/plugin/xai/'))
      .map(({ name, duration, encodedBodySize }) => ({
        name: name.replace(/.*\/xai\//, ''),
        ms: duration,
        bytes: encodedBodySize,
      })),
  }));
  paints.push(seen.painted);
  requests = requests.concat(seen.requests);
}
await context.close();
console.log(JSON.stringify({ paints, requests, problems }));
