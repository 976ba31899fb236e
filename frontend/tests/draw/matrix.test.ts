// SPDX-License-Identifier: Apache-2.0
// Heads, matrices and patches: indices may not slip, and pooled keys are not laid over a picture.
import { describe, expect, it } from 'vitest';
import { matrixCell } from '../../src/draw/matrix';
import { patchRow } from '../../src/draw/overlay';
import { headFinding, headGrid, parseHead, spreadWord, tokenName } from '../../src/model/heads';
import { meanGrid } from '../../src/model/maps/grid';
import type { Series } from '../../src/wire/api';

const patches = { rows: 2, columns: 2, prefix: 1 };
const matrix = { rows: 5, columns: 5, values: Float32Array.from({ length: 25 }, (_, i) => i) };

it('one query on the patches leaves the class token out', () => {
  expect([...patchRow(matrix, 2, patches)!.values]).toEqual([11, 12, 13, 14]);
  expect(patchRow(matrix, 2, { rows: 3, columns: 3, prefix: 1 })).toBeNull();
  expect(patchRow(matrix, 2, { rows: 0, columns: 0, prefix: 5 })).toBeNull();
});

it('the mean of heads is a mean', () => {
  const one = { rows: 1, columns: 2, values: Float32Array.from([0, 1]) };
  const two = { rows: 1, columns: 2, values: Float32Array.from([1, 1]) };
  expect([...meanGrid([one, two]).values]).toEqual([0.5, 1]);
});

it('a place is a cell, and outside is none', () => {
  expect(matrixCell(99, 0, 100, 100, 2, 4)).toEqual({ row: 0, column: 3 });
  expect(matrixCell(100, 0, 100, 100, 2, 4)).toBeUndefined();
});

describe('heads', () => {
  const series = {
    names: ['a#0', 'a#1', 'b#x#0'],
    firstSteps: [0, 10],
    lastSteps: [0, 10],
    mean: Float32Array.from([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
  } as unknown as Series;

  it('are grouped by layer at the nearest step before', () => {
    const rows = headGrid(series, 15);
    expect(rows.map((row) => row.layer)).toEqual(['a', 'b#x']);
    expect(rows[0]!.entropy).toEqual([Math.fround(0.2), Math.fround(0.4)]);
    expect(headGrid(series, 9)[1]!.entropy).toEqual([0.5]);
  });

  it('have names that may hold the separator', () => expect(parseHead('b#x#0')).toEqual({ layer: 'b#x', head: 0 }));

  it('at the ends are told in words', () => {
    expect(headFinding([{ layer: 'a', entropy: [0.99, 0.5, 0.01] }])).toBe(
      '1 of 3 heads attend to all keys alike; 1 of 3 attend to a single key.',
    );
    expect(spreadWord(NaN)).toBe('not a number');
  });
});

it('tokens are called by their text, patch or number', () => {
  const none = { rows: 0, columns: 0, prefix: 0 };
  expect(tokenName(1, ['the', 'cat'], none)).toBe('“cat”');
  expect(tokenName(0, undefined, patches)).toBe('class token');
  expect(tokenName(4, undefined, patches)).toBe('patch row 2, column 2');
  expect(tokenName(4, undefined, none)).toBe('token 5');
});
