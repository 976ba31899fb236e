// SPDX-License-Identifier: Apache-2.0
// Script time per frame while somebody scrubs, scrolls and plays 64 samples × 200 steps × 3 methods. Run by
// benchmarks/browser_frames.py; TAB_URL: TensorBoard on that log. Prints one JSON object.
//
// A frame is what lies between the beginnings of two animation frames of the page's main thread; its script time is
// the union of its JavaScript events (callbacks, events, timers, microtasks, garbage collection among them).
// `cpu` is the thread's own clock: what other programs on the machine take is not in it. Frames without
// script are left out, for they would flatter the percentiles. Chromium before 130 calls the beginning
// BeginMainThreadFrame.
import { launch, openTab, watchedPage } from './browser.mjs';

const SCRIPT = new Set([
  'EvaluateScript',
  'FunctionCall',
  'FireAnimationFrame',
  'EventDispatch',
  'TimerFire',
  'RunMicrotasks',
  'FireIdleCallback',
  'MajorGC',
  'MinorGC',
  'V8.GC_TIME_TO_SAFEPOINT',
]);
const CATEGORIES =
  'devtools.timeline,disabled-by-default-devtools.timeline,v8,devtools.timeline.frame,toplevel,__metadata';
const LEAST_US = 20;

async function traced(cdp, act) {
  const events = [];
  const collect = ({ value }) => {
    for (const one of value) events.push(one);
  };
  cdp.on('Tracing.dataCollected', collect);
  await cdp.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: CATEGORIES.split(','),
      recordMode: 'recordUntilFull',
      traceBufferSizeInKb: 400_000,
    },
  });
  await act();
  const done = new Promise((resolve) => {
    cdp.once('Tracing.tracingComplete', resolve);
  });
  await cdp.send('Tracing.end');
  await done;
  cdp.off('Tracing.dataCollected', collect);
  return events;
}

/** [pid, tid] of the thread that ran most script: the renderer of our page. */
function mainThread(events) {
  const spent = new Map();
  for (const one of events) {
    if (one.ph !== 'X' || !SCRIPT.has(one.name)) continue;
    const key = `${one.pid} ${one.tid}`;
    spent.set(key, (spent.get(key) ?? 0) + one.dur);
  }
  return [...spent].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

/** Outermost script events of the main thread: start, wall and CPU time in µs. */
function scripts(events, thread) {
  const own = events
    .filter((one) => one.ph === 'X' && SCRIPT.has(one.name) && `${one.pid} ${one.tid}` === thread)
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const found = [];
  let end = -1;
  for (const { ts, dur, tdur, name } of own) {
    if (ts < end) continue;
    found.push({ ts, wall: dur, cpu: tdur ?? dur, name });
    end = ts + dur;
  }
  return found;
}

function perFrame(events) {
  const thread = mainThread(events);
  const starts = events
    .filter(
      (one) =>
        (one.name === 'BeginMainThreadFrame' || (one.name === 'AnimationFrame' && one.ph === 'b')) &&
        `${one.pid} ${one.tid}` === thread,
    )
    .map((one) => one.ts)
    .sort((a, b) => a - b);
  const frames = starts.map(() => ({ wall: 0, cpu: 0 }));
  let at = 0;
  for (const { ts, wall, cpu } of scripts(events, thread)) {
    while (at + 1 < starts.length && starts[at + 1] <= ts) at += 1;
    if (!frames[at]) continue;
    frames[at].wall += wall / 1000;
    frames[at].cpu += cpu / 1000;
  }
  return frames.filter((one) => one.wall * 1000 >= LEAST_US);
}

function summary(frames) {
  const of = (key) => {
    const sorted = frames.map((one) => one[key]).sort((a, b) => a - b);
    const share = (p) => Number((sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0).toFixed(2));
    return { p50: share(0.5), p95: share(0.95), max: share(1) };
  };
  return { frames: frames.length, cpu_ms: of('cpu'), wall_ms: of('wall') };
}

/** One pointer move a frame along the scrubber, there and back. */
async function scrub(page, frame, moves = 240) {
  const box = await frame.locator('.track').boundingBox();
  const x = (share) => box.x + 10 + share * (box.width - 20);
  await page.mouse.move(x(0), box.y + box.height / 2);
  await page.mouse.down();
  for (let i = 0; i <= moves; i++) {
    const share = i / moves;
    await page.mouse.move(x(share < 0.5 ? 2 * share : 2 - 2 * share), box.y + box.height / 2);
    await page.waitForTimeout(16);
  }
  await page.mouse.up();
}

/** The wheel over the films, to the end and back. */
async function scroll(page, frame, turns = 120) {
  const box = await frame.locator('.films').boundingBox();
  await page.mouse.move(box.x + 200, Math.max(box.y, 300) + 100);
  for (let i = 0; i < turns; i++) {
    await page.mouse.wheel(0, i < turns / 2 ? 280 : -280);
    await page.waitForTimeout(16);
  }
}

async function play(page, frame, seconds = 15) {
  await frame.getByRole('button', { name: 'First step' }).click();
  await frame.getByRole('button', { name: 'Play' }).click();
  await page.waitForTimeout(seconds * 1000);
  await frame.getByRole('button', { name: 'Stop' }).click();
}

const METHODS = [
  'attribution/layer_cam/conv3',
  'attribution/integrated_gradients/input',
  'attribution/integrated_gradients/',
];

async function measure(context, name, state, act) {
  const { page, problems, requests } = await watchedPage(context);
  const frame = await openTab(page, process.env.TAB_URL, {
    run: 'many/xai',
    view: 'explanations',
    step: 1000,
    ...state,
  });
  await frame.waitForSelector('.films canvas, .compare-grid canvas', { timeout: 60_000 });
  await page.waitForTimeout(Number(process.env.SETTLE_MS ?? 6000));
  const cdp = await context.newCDPSession(page);
  const asked = requests.length;
  const frames = perFrame(await traced(cdp, () => act(page, frame)));
  const polls = requests.slice(asked).filter((one) => !/\/(runs|catalog)/.test(one));
  const shown = await frame.evaluate(() => ({
    rows: document.querySelectorAll('.film-row, .compare-grid tbody tr').length,
    canvases: document.querySelectorAll('canvas').length,
  }));
  await page.close();
  return { name, ...summary(frames), requests_for_data: polls.length, ...shown, problems };
}

const methods = METHODS.map((one) => one.replace(/[%,]/g, encodeURIComponent)).join(',');
const PLAN = [
  ['scrub, 3 methods', { methods }, scrub],
  ['scroll, 3 methods', { methods }, scroll],
  ['play, 3 methods', { methods }, play],
  ['scrub, 1 method', {}, scrub],
  ['scroll, 1 method', {}, scroll],
  ['scrub, Compare of two runs', { view: 'compare', with: 'again/xai' }, scrub],
];

const only = process.env.ONLY ?? '';
const context = await launch({ reducedMotion: 'no-preference', viewport: { width: 1600, height: 1000 } });
const results = [];
for (const [name, state, act] of PLAN) if (name.includes(only)) results.push(await measure(context, name, state, act));
await context.close();
console.log(JSON.stringify(results));
