// SPDX-License-Identifier: Apache-2.0
// The browser's memory while a log grows and the tab follows it: JavaScript heap and DOM nodes after garbage
// collection, every PERIOD_S seconds for SECONDS. Run by benchmarks/follow_memory.py; TAB_URL: TensorBoard,
// RUN: the run, VIEW: the view. Prints one JSON object.
import { launch, openTab, watchedPage } from './browser.mjs';

const seconds = Number(process.env.SECONDS ?? 120);
const period = Number(process.env.PERIOD_S ?? 10);
const context = await launch();
const { page, problems, requests } = await watchedPage(context);
const frame = await openTab(page, process.env.TAB_URL, { run: process.env.RUN, view: process.env.VIEW ?? 'overview' });
await frame.waitForSelector('canvas', { timeout: 120_000 });
// TensorBoard serves the page and the frame from one origin: one renderer, one heap for both.
const devtools = await context.newCDPSession(page);
await devtools.send('Performance.enable');
await devtools.send('HeapProfiler.enable');

async function measured() {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const of = (name) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { heap: of('JSHeapUsedSize'), nodes: of('Nodes'), listeners: of('JSEventListeners') };
}

// TensorBoard asks every tab to reload; its own period is 30 s at least, so we press its button.
const reload = () =>
  page
    .locator('app-header-reload button, .reload-button')
    .first()
    .click({ timeout: 5000 })
    .catch(() => {});

const samples = [];
const begin = Date.now();
while (Date.now() - begin < seconds * 1000) {
  const next = Date.now() + period * 1000;
  while (Date.now() < next) {
    await reload();
    await page.waitForTimeout(2000);
  }
  samples.push({ second: Math.round((Date.now() - begin) / 1000), requests: requests.length, ...(await measured()) });
}
await context.close();
console.log(JSON.stringify({ samples, problems }));
