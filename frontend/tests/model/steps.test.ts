// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { closest } from '../../src/app/scrubber';
import { tickX } from '../../src/draw/ticks';
import { formatStep, nearestStep, parseStep, stepBy, stepScale, union } from '../../src/model/steps';

const STEPS = [0, 10, 100, 1000];

test('the nearest logged step at or before the wanted one; the first where none is', () => {
  expect(nearestStep(STEPS, 1050)).toBe(1000);
  expect(nearestStep(STEPS, 99)).toBe(10);
  expect(nearestStep(STEPS, 100)).toBe(100);
  expect(nearestStep([5, 6], 2)).toBe(5);
  expect(nearestStep([], 2)).toBeUndefined();
});

test('keys move along logged steps and stop at the ends', () => {
  expect(stepBy(STEPS, 50, 1)).toBe(100);
  expect(stepBy(STEPS, 100, -10)).toBe(0);
  expect(stepBy(STEPS, 1000, 1)).toBe(1000);
  expect(stepBy([], 7, 1)).toBe(7);
});

test('the union is ascending by value, not by text', () => {
  expect(
    union([
      [2, 10],
      [9, 10, 100],
    ]),
  ).toEqual([2, 9, 10, 100]);
});

test('linear and logarithmic spacing go there and back', () => {
  for (const kind of ['linear', 'log'] as const) {
    const scale = stepScale(100, 5100, kind);
    expect(scale.toFraction(100)).toBe(0);
    expect(scale.toFraction(5100)).toBe(1);
    expect(scale.toStep(scale.toFraction(700))).toBeCloseTo(700);
  }
  expect(stepScale(0, 1000, 'linear').toFraction(100)).toBeCloseTo(0.1);
  expect(stepScale(0, 1000, 'log').toFraction(100)).toBeGreaterThan(0.6);
});

test('one logged step is no division by zero', () => {
  expect(stepScale(7, 7, 'linear').toFraction(7)).toBe(0);
});

test('ticks keep their distance from the ends of the track', () => {
  const scale = stepScale(0, 100, 'linear');
  expect(tickX(scale, 0, 216, 8)).toBe(8);
  expect(tickX(scale, 50, 216, 8)).toBe(108);
  expect(tickX(scale, 100, 216, 8)).toBe(208);
});

test('dragging takes the closest logged step on either side', () => {
  expect(closest(STEPS, 60)).toBe(100);
  expect(closest(STEPS, 40)).toBe(10);
});

test('steps are read as people write them', () => {
  expect(formatStep(1234567)).toBe('1\u202f234\u202f567');
  expect(parseStep('1 234 567')).toBe(1234567);
  expect(parseStep('12k')).toBeUndefined();
  expect(parseStep('')).toBeUndefined();
});
