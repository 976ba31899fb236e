// SPDX-License-Identifier: Apache-2.0
// One Chromium for a test file, and a page that notes everything it should not have: console errors,
// CSP violations, failed requests. What is drawn comes a frame or more after what asked for it, so tests wait for it.
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a fresh profile; `close` it. `options` are Playwright's. */
export async function launch(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'tb-xai-chromium-'));
  return chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  });
}

/** A page that collects `problems` of our frame and `requests` to our routes. */
export async function watchedPage(context) {
  const page = await context.newPage();
  const problems = [];
  const requests = [];
  page.on('console', (message) => {
    const where = message.location().url ?? '';
    const ours = where.includes('/plugin/xai/') || where.includes('plugin_entry');
    if (message.type() === 'error' && (ours || message.text().includes('Content Security Policy'))) {
      problems.push(`console: ${message.text()} (${where})`);
    }
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error}`));
  page.on('request', (request) => {
    if (request.url().includes('/data/plugin/xai/')) requests.push(request.url());
  });
  await page.addInitScript(() => {
    window.__violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
      window.__violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  return { page, problems, requests };
}

/** Open the tab in TensorBoard and return its frame once the shell is drawn. */
export async function openTab(page, url, state = {}) {
  const query = Object.entries(state).map(([key, value]) => `&p.xai.${key}=${encodeURIComponent(value)}`);
  await page.goto(`${url}/#xai${query.join('')}`);
  const element = await page.waitForSelector('iframe[src*="plugin_entry.html?name=xai"], iframe', {
    state: 'attached',
    timeout: 60_000,
  });
  const frame = await element.contentFrame();
  await frame.waitForSelector('main', { timeout: 60_000 });
  return frame;
}

/** Switch TensorBoard's theme as its own button does: by a class of the body. */
export async function setDark(page, dark) {
  await page.evaluate((on) => document.body.classList.toggle('dark-mode', on), dark);
  await page.waitForTimeout(400);
}

/** CSP violations of the page and the frame. */
export async function violations(page, frame) {
  const read = () => window.__violations ?? [];
  return [...(await page.evaluate(read)), ...(await frame.evaluate(read))];
}

/** The first of what `read` gives that `check` does not throw at; after ten seconds `check` throws. */
export async function eventually(read, check) {
  const until = Date.now() + 10_000;
  for (;;) {
    const seen = await read();
    try {
      check(seen);
      return seen;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Wait until the text of `locator`, its narrow spaces made plain ones, matches all `patterns`; the text. */
export const says = (locator, ...patterns) =>
  eventually(
    async () => (await locator.innerText()).replace(/\u202f/g, ' '),
    (said) => {
      for (const pattern of patterns) assert.match(said, pattern);
    },
  );
