// SPDX-License-Identifier: Apache-2.0
// Heat may not be made up: empty stays empty, NaN shows, blending keeps values within their neighbours'.
import { describe, expect, it } from 'vitest';
import { borders, heatPixels, type HeatStyle, resample, topTenth } from '../../src/draw/heatmap';
import { NOT_A_NUMBER } from '../../src/model/color';

const style: HeatStyle = { most: 2, signed: false, map: 'inferno', opacity: 0.7, smooth: true, contour: false };
const grid = (rows: number, columns: number, values: number[]) => ({
  rows,
  columns,
  values: Float32Array.from(values),
});
const alphas = (pixels: Uint8ClampedArray): number[] => Array.from(pixels).filter((_, i) => i % 4 === 3);

describe('pixels', () => {
  it('have an opacity in proportion to the value', () => {
    const [none, half, full] = alphas(heatPixels(grid(1, 3, [0, 1, 2]), style, true)) as [number, number, number];
    expect([none, full]).toEqual([0, 178]);
    expect(half / full).toBeCloseTo(0.5, 1);
  });

  it('of an empty map are transparent, also on a scale of 0', () => {
    expect(alphas(heatPixels(grid(2, 2, [0, 0, 0, 0]), { ...style, most: 0 }, true))).toEqual([0, 0, 0, 0]);
  });

  it('of a signed map are transparent at 0 and strong at both ends', () => {
    const [low, middle, high] = alphas(
      heatPixels(grid(1, 3, [-2, 0, 2]), { ...style, signed: true, map: 'rdbu' }, true),
    ) as [number, number, number];
    expect(low).toBe(high);
    expect(middle).toBeLessThan(2);
  });

  it('show NaN opaque in its own colour', () => {
    expect(Array.from(heatPixels(grid(1, 1, [NaN]), style, true))).toEqual([...NOT_A_NUMBER, 255]);
  });

  it('are opaque without a picture below', () => {
    expect(alphas(heatPixels(grid(1, 2, [0, 2]), style, false))).toEqual([255, 255]);
  });
});

describe('resampling', () => {
  it('keeps a constant, the range and the corners', () => {
    expect([...new Set(resample(grid(2, 2, [3, 3, 3, 3]), 8, 8).values)]).toEqual([3]);
    const { values } = resample(grid(2, 2, [0, 1, 2, 3]), 8, 8);
    expect(Math.min(...values)).toBe(0);
    expect(Math.max(...values)).toBe(3);
    expect([values[0], values[7], values[56], values[63]]).toEqual([0, 1, 2, 3]);
  });

  it('spreads NaN instead of hiding it', () => {
    const { values } = resample(grid(2, 2, [NaN, 1, 1, 1]), 4, 4);
    expect(values[0]).toBeNaN();
    expect(values[15]).toBe(1);
  });
});

it('the strongest tenth of a flat map is nothing', () => {
  expect(topTenth(grid(2, 2, [1, 1, 1, 1]))).toBeUndefined();
  expect(topTenth(grid(1, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))).toBe(9);
});

it('64 maps of 14 × 14 take little script', () => {
  const map = grid(
    14,
    14,
    Array.from({ length: 196 }, (_, i) => i / 98),
  );
  heatPixels(resample(map, 56, 56), style, true);
  const begin = performance.now();
  for (let i = 0; i < 64; i++) heatPixels(resample(map, 56, 56), style, true);
  expect(performance.now() - begin).toBeLessThan(400);
});

describe('borders', () => {
  const around = (mask: number[][]) =>
    borders(mask.length, mask[0]!.length, (r, c) => mask[r]![c] === 1)
      .map(String)
      .sort();

  it('run around a cell, along the edge of the picture too', () => {
    expect(
      around([
        [1, 0],
        [0, 0],
      ]),
    ).toEqual(['0,0,0,1', '0,0,1,0', '0,1,1,1', '1,0,1,1']);
  });

  it('do not run between two cells inside, and run around a hole', () => {
    expect(around([[1, 1]])).not.toContain('1,0,1,1');
    expect(
      around([
        [1, 1, 1],
        [1, 0, 1],
        [1, 1, 1],
      ]),
    ).toHaveLength(12 + 4);
    expect(around([[0, 0]])).toEqual([]);
  });
});
