// SPDX-License-Identifier: Apache-2.0
// Which steps a film shows, and that the line beside it cannot hide a collapse.
import { describe, expect, it } from 'vitest';
import { cellAt, columnsThatFit, drawMass, filmFrames, GAP, MARGIN } from '../src/draw/film';
import { LIGHT } from '../src/draw/theme';

const steps = Array.from({ length: 50 }, (_, i) => i * 10);

describe('film columns', () => {
  it('are all steps where they fit', () => expect(filmFrames([0, 5, 9], 1, 4)).toEqual([0, 1, 2]));

  it('always hold the first, the current and the last step', () => {
    for (const current of [0, 1, 17, 48, 49]) {
      const frames = filmFrames(steps, current, 6);
      expect(frames).toHaveLength(6);
      expect(frames).toEqual(expect.arrayContaining([0, current, 49]));
      expect(frames).toEqual([...frames].sort((a, b) => a - b));
    }
  });

  it('spread by step value, not by index', () => {
    expect(filmFrames([0, 1, 2, 3, 4, 500, 1000], 0, 3)).toEqual([0, 5, 6]);
  });

  it('keep the current step when hardly anything fits', () => expect(filmFrames(steps, 20, 1)).toEqual([20]));
});

it('a click finds the cell that was drawn there', () => {
  for (let i = 0; i < 5; i++) expect(cellAt(MARGIN + i * (64 + GAP) + 32, 5, 64)).toBe(i);
  expect(cellAt(MARGIN + 5 * (64 + GAP) + 32, 5, 64)).toBeUndefined();
  expect(columnsThatFit(5 * 64 + 4 * GAP, 64)).toBe(5);
});

describe('the mass line', () => {
  const draw = (mass: number[]) => {
    const calls: [string, number, number][] = [];
    const context = {
      fillRect: () => undefined, beginPath: () => undefined, stroke: () => undefined,
      moveTo: (x: number, y: number) => calls.push(['move', x, y]), lineTo: (x: number, y: number) => calls.push(['line', x, y]),
    } as unknown as CanvasRenderingContext2D;
    drawMass(context, { steps: [0, 10, 20, 30], mass, current: 3 }, { width: 100, height: 40 }, LIGHT);
    return calls;
  };

  it('starts at 0, so that a collapse reaches the ground', () => {
    const calls = draw([10, 10, 5, 0]);
    expect(calls.map(([, , y]) => y)).toEqual([3, 3, 20, 37]);
  });

  it('breaks at NaN', () => expect(draw([1, NaN, 1, 1]).map(([kind]) => kind)).toEqual(['move', 'move', 'line']));
});
