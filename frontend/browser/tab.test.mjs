// SPDX-License-Identifier: Apache-2.0
// The tab on the demo's two runs, as a person with a deadline uses it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeViolations } from './axe.mjs';
import { eventually, launch, openTab, says, setDark, violations, watchedPage } from './browser.mjs';

const url = process.env.TAB_URL;
const VIEWS = ['Overview', 'Explanations', 'Layers', 'Attention', 'Compare'];
let context;

before(async () => {
  context = await launch();
});
after(() => context.close());

/** Open the tab in `state`, run `body`, and see that nothing went wrong meanwhile. */
async function inTab(state, body) {
  const { page, problems, requests } = await watchedPage(context);
  const frame = await openTab(page, url, state);
  await frame.waitForSelector('main canvas', { timeout: 60_000 });
  await page.waitForTimeout(1500);
  await body({ page, frame, requests });
  assert.deepEqual(problems, []);
  assert.deepEqual(await violations(page, frame), []);
  await page.close();
}

test('the newest run opens without configuration and says what is wrong', () =>
  inTab({ run: 'dying/xai' }, async ({ frame }) => {
    await says(frame.locator('main'), /relu2/, /dead/i);
  }));

for (const dark of [false, true]) {
  for (const view of VIEWS) {
    test(`${view} is clean for axe in ${dark ? 'dark' : 'light'}`, () =>
      inTab({ run: 'healthy/xai', view: view.toLowerCase() }, async ({ page, frame }) => {
        await setDark(page, dark);
        assert.deepEqual(await axeViolations(frame), []);
      }));
  }
}

test('keys choose the view, the address follows, and a shared link opens the same', () =>
  inTab({ run: 'healthy/xai' }, async ({ page, frame }) => {
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    for (const [i, view] of VIEWS.entries()) {
      await page.keyboard.press(String(i + 1));
      await frame.waitForSelector(`button[aria-current="page"]:text-is("${view}")`);
    }
    await page.keyboard.press('2');
    await page.waitForTimeout(700);
    const address = page.url();
    assert.match(address, /view=explanations/);
    const { page: other } = await watchedPage(context);
    await other.goto(address);
    const element = await other.waitForSelector('iframe');
    const again = await element.contentFrame();
    await again.waitForSelector('button[aria-current="page"]:text-is("Explanations")', { timeout: 60_000 });
    await other.close();
  }));

test('scrubbing the film asks the server for nothing', () =>
  inTab({ run: 'healthy/xai', view: 'explanations' }, async ({ page, frame, requests }) => {
    await page.waitForTimeout(2500);
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    await page.keyboard.press('Home');
    await page.waitForTimeout(1000);
    const before = requests.filter((one) => !/\/(runs|catalog)\b/.test(one)).length;
    const shown = await frame.locator('input[type="text"], input[type="number"]').first().inputValue();
    for (let i = 0; i < 25; i++) await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(500);
    const step = frame.locator('input[type="text"], input[type="number"]').first();
    await eventually(
      () => step.inputValue(),
      (now) => assert.notEqual(now, shown, 'the step did not move'),
    );
    const records = requests.filter((one) => !/\/(runs|catalog)\b/.test(one)).slice(before);
    assert.deepEqual(records, []);
  }));

test('a layer of the strip opens its drawer at that step, and Escape closes it', () =>
  inTab({ run: 'dying/xai', view: 'layers' }, async ({ page, frame }) => {
    await frame.getByRole('button', { name: /relu2/ }).first().click();
    await frame.waitForSelector('aside canvas', { timeout: 30_000 });
    await says(frame.locator('aside'), /relu2/, /units/i);
    assert.deepEqual(await axeViolations(frame), []);
    await page.keyboard.press('Escape');
    await frame.waitForSelector('aside', { state: 'detached' });
  }));

test('help lists the keys', () =>
  inTab({ run: 'healthy/xai' }, async ({ page, frame }) => {
    await frame.locator('main').click({ position: { x: 3, y: 3 } });
    await page.keyboard.press('?');
    await frame.waitForSelector('dialog, [role="dialog"]');
    assert.deepEqual(await axeViolations(frame), []);
  }));
