// SPDX-License-Identifier: Apache-2.0
// Tables of numbers: found by names, for rows and columns may come and go between steps.
import { expect, test } from 'vitest';
import { furthest, namesOf, numberAt, numberLines, rowValues } from '../../src/model/numbers';
import { numbers } from '../helpers';

const tables = [
  { step: 0, wallTime: 0, record: numbers({ a: [1, 2], b: [3, NaN] }, ['x', 'y']) },
  { step: 5, wallTime: 5, record: numbers({ b: [4], c: [-5] }, ['x']) },
];

test('a value is found by its names, and is NaN where the record has none', () => {
  const { record } = tables[0]!;
  expect([numberAt(record, 'a', 'y'), numberAt(record, 'b', 'x')]).toEqual([2, 3]);
  for (const [row, column] of [
    ['b', 'y'],
    ['c', 'x'],
    ['a', 'z'],
  ] as const)
    expect(numberAt(record, row, column)).toBeNaN();
});

test('a record cut short has NaN at its end', () => {
  const short = { ...tables[0]!.record, values: tables[0]!.record.values.slice(0, 4) };
  expect(rowValues(short, 0)).toEqual([1, NaN]);
});

test('a line has a value at every step, and rows without any number have no line', () => {
  expect(namesOf(tables, 'rows')).toEqual(['a', 'b', 'c']);
  expect(numberLines(tables, 'x').map(({ name, values }) => [name, ...values])).toEqual([
    ['a', 1, NaN],
    ['b', 3, 4],
    ['c', NaN, -5],
  ]);
  expect(numberLines(tables, 'y').map((line) => line.name)).toEqual(['a']);
  expect(numberLines([], 'x')).toEqual([]);
});

test('of too many lines those stay that reach furthest from 0, in their own order', () => {
  const lines = numberLines(tables, 'x');
  expect(furthest(lines, 2).map((line) => line.name)).toEqual(['b', 'c']);
  expect(furthest(lines, 3).map((line) => line.name)).toEqual(['a', 'b', 'c']);
});
