// SPDX-License-Identifier: Apache-2.0
// Which steps a film shows, and that the line beside it cannot hide a collapse.
import { describe, expect, it } from 'vitest';
import { cellAt, columnsThatFit, drawFilm, drawMass, filmFrames, GAP, MARGIN } from '../../src/draw/film';
import { LIGHT } from '../../src/draw/theme';

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
      fillRect: () => undefined,
      beginPath: () => undefined,
      stroke: () => undefined,
      moveTo: (x: number, y: number) => calls.push(['move', x, y]),
      lineTo: (x: number, y: number) => calls.push(['line', x, y]),
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

describe('a film drawn again', () => {
  const heat = (value: number) => ({ rows: 1, columns: 1, values: Float32Array.of(value) });
  const style = { most: 1, signed: false, map: 'inferno', opacity: 0.7, smooth: false, contour: false } as const;
  const record = () => {
    const cleared: number[] = [];
    let frames = 0;
    const nothing = (): undefined => undefined;
    const context = {
      clearRect: (x: number) => cleared.push(x),
      strokeRect: () => {
        frames += 1;
      },
      fillRect: nothing,
      drawImage: nothing,
    } as unknown as CanvasRenderingContext2D;
    return { context, cleared, frames: () => frames };
  };
  const [a, b, c, d] = [heat(0), heat(1), heat(0.5), heat(0.2)];
  const film = (maps: (typeof a)[], current: number) => ({
    image: null,
    cellWidth: 64,
    cellHeight: 64,
    theme: LIGHT,
    cells: maps.map((one, i) => ({ heat: one, style, current: i === current })),
  });
  const surface = { width: 300, height: 70, fresh: false };

  it('clears and draws only the cells that differ', () => {
    const { context, cleared, frames } = record();
    const before = film([a!, b!, c!], 1);
    drawFilm(context, film([a!, d!, c!], 1), surface, LIGHT, before);
    expect(cleared).toEqual([64 + GAP]);
    expect(frames()).toBe(1);
  });

  it('draws both cells when the current one moves, nothing when nothing changed', () => {
    const { context, cleared } = record();
    const before = film([a!, b!, c!], 1);
    drawFilm(context, film([a!, b!, c!], 1), surface, LIGHT, before);
    expect(cleared).toEqual([]);
    drawFilm(context, film([a!, b!, c!], 2), surface, LIGHT, before);
    expect(cleared).toEqual([64 + GAP, 2 * (64 + GAP)]);
  });

  it.each([
    ['fresh', { ...surface, fresh: true }, LIGHT],
    ['theme', surface, { ...LIGHT }],
  ] as const)('draws all of it on a %s surface', (_, where, theme) => {
    const { context, cleared } = record();
    drawFilm(context, film([a!, b!, c!], 1), where, theme, film([a!, b!, c!], 1));
    expect(cleared).toHaveLength(3);
  });
});
