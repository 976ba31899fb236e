// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { stepsOf } from '../../src/wire/api';

test('runs of steps are spread out again', () => {
  expect(
    stepsOf([
      [0, 1, 4],
      [10, 5, 3],
      [400, 0, 1],
    ]),
  ).toEqual([0, 1, 2, 3, 10, 15, 20, 400]);
  expect(stepsOf([])).toEqual([]);
});
