// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { linesOf, pathOf } from '../../src/ui/series_picture';

const probe = (values: number[], shape: number[], kind = 'series') => ({
  kind,
  shape,
  values: new Uint8Array(new Float32Array(values).buffer),
});

test('all samples and channels share one scale, and values that are no numbers have no say in it', () => {
  const lines = linesOf(probe([0, 5, NaN, 10, 2, Infinity, 4, 4], [2, 2, 2]))!;
  expect([lines.low, lines.high, lines.moments, lines.channels]).toEqual([0, 10, 2, 2]);
});

test('a channel runs from left to right, its greatest value at the top', () => {
  const lines = linesOf(probe([0, 100, 5, 100, 10, 0], [1, 3, 2]))!;
  expect(pathOf(lines, 0, 0, 30, 108)).toEqual([
    [5, 104],
    [15, 99],
    [25, 94],
  ]);
  expect(pathOf(lines, 0, 1, 30, 108)).toEqual([
    [5, 4],
    [15, 4],
    [25, 104],
  ]);
});

test('other probes, and values that do not fit their shape, are not drawn', () => {
  expect(linesOf(probe([1, 2], [1, 2, 1], 'tabular'))).toBeNull();
  expect(linesOf(probe([1, 2], [1, 3, 1]))).toBeNull();
  expect(linesOf(probe([], [0, 3, 1]))).toBeNull();
});
