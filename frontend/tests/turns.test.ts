// SPDX-License-Identifier: Apache-2.0
// Late work is done piece by piece, in turn, and can be withdrawn.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { inPieces, later, soon } from '../src/turns';

let frames: FrameRequestCallback[] = [];
const nextFrame = (): void => { const due = frames; frames = []; due.forEach((one) => one(0)); };

beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback));
});
afterEach(() => vi.unstubAllGlobals());

it('one job is finished a frame, in the order they came, and nothing is asked for after the last', () => {
  const done: string[] = [];
  soon([() => done.push('a1'), () => done.push('a2')], () => done.push('a'));
  soon([], () => done.push('b'));
  nextFrame();
  expect(done).toEqual(['a1', 'a2', 'a']);
  nextFrame();
  expect(done.at(-1)).toBe('b');
  expect(frames).toHaveLength(0);
});

it('a frame whose time is used up leaves the rest to the next', () => {
  const done: number[] = [];
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  soon([1, 2, 3].map((i) => () => { done.push(i); now += 10; }), () => done.push(0));
  nextFrame();
  expect(done).toEqual([1]);
  nextFrame();
  nextFrame();
  nextFrame();
  expect(done).toEqual([1, 2, 3, 0]);
  vi.restoreAllMocks();
});

it('what is withdrawn is not done', () => {
  const done: string[] = [];
  soon([() => done.push('piece')], () => done.push('done'))();
  nextFrame();
  expect(done).toEqual([]);
});

it('pieces hold all items', () => {
  const seen: number[] = [];
  const pieces = inPieces([1, 2, 3, 4, 5], 2, (item) => seen.push(item));
  expect(pieces).toHaveLength(3);
  pieces.forEach((piece) => piece());
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

it('who follows late keeps its place and does only the newest', async () => {
  const done: string[] = [];
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const owners = Array.from({ length: 40 }, () => ({}));
  owners.forEach((owner, i) => later(owner, () => { done.push(`old ${i}`); now += 1; }));
  nextFrame();
  const first = done.length;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(40);
  owners.forEach((owner, i) => later(owner, () => { done.push(`new ${i}`); now += 1; }));
  for (let i = 0; i < 60 && frames.length; i++) {
    await Promise.resolve();
    nextFrame();
  }
  expect(done.slice(first, first + 1)).toEqual([`new ${first}`]);
  expect(done.filter((one) => one.startsWith('new'))).toHaveLength(40);
  expect(done).toHaveLength(first + 40);
  expect(frames).toHaveLength(0);
  vi.restoreAllMocks();
});
