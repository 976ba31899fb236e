// SPDX-License-Identifier: Apache-2.0
// Late work is done piece by piece, in turn, and can be withdrawn.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { inPieces, later, soon } from '../../src/ui/frame_budget';

let frames: FrameRequestCallback[] = [];
const nextFrame = (): void => {
  const due = frames;
  frames = [];
  due.forEach((one) => one(0));
};

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
  soon(
    [1, 2, 3].map((i) => () => {
      done.push(i);
      now += 10;
    }),
    () => done.push(0),
  );
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

it('who follows late keeps its place and does only the newest, as many in a frame as fit', async () => {
  const done: string[] = [];
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const owners = Array.from({ length: 12 }, () => ({}));
  const ask = (word: string): void =>
    owners.forEach((owner, i) =>
      later(owner, () => {
        done.push(`${word} ${i}`);
        now += 1;
      }),
    );
  const frame = async (): Promise<void> => {
    nextFrame();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  ask('old');
  await frame();
  expect(done).toEqual([]);
  await frame();
  expect(done).toEqual(['old 0', 'old 1', 'old 2', 'old 3']);
  ask('new');
  await frame();
  expect(done.slice(4)).toEqual(['new 4', 'new 5', 'new 6', 'new 7']);
  for (let i = 0; i < 5 && frames.length; i++) await frame();
  expect(done.filter((one) => one.startsWith('new'))).toHaveLength(12);
  expect(done).toHaveLength(16);
  expect(frames).toHaveLength(0);
  vi.restoreAllMocks();
});
