// SPDX-License-Identifier: Apache-2.0
// What two sides have in common, on which scale they are drawn, and what is said where they cannot be compared.
import { describe, expect, it } from 'vitest';
import {
  agreement,
  commonScale,
  commonTags,
  difference,
  mapState,
  sameProbe,
  sampleCountOf,
  shareOfTotal,
  type Side,
  sideMap,
  whyNoAgreement,
} from '../../../src/model/maps/compare';
import type { Tag } from '../../../src/wire/api';
import { Attribution, Probe } from '../../../src/wire/schema_pb';
import { recordOf } from '../../records';

const [ONE, HALF] = [0x3c00, 0x3800];

function side(letter: string, steps: number[], scale: number, more: Partial<Attribution> = {}): Side {
  const heat = new Uint8Array(Uint16Array.from([ONE, 0, 0, HALF]).buffer);
  const frames = steps.map((step) => ({
    step,
    wallTime: step,
    record: recordOf(Attribution, {
      version: 1,
      method: 'grad_cam',
      layer: 'c',
      shape: [1, 2, 2],
      heat,
      scale: [scale],
      targets: [1],
      scores: [0.9],
      probe: 'p',
      ...more,
    }),
  }));
  return {
    letter,
    run: letter,
    name: letter,
    colour: '',
    frames,
    index: steps.length - 1,
    wanted: 0,
    probe: recordOf(Probe, { hash: 'q' }),
  };
}

const grid = (values: number[], columns = values.length) => ({
  rows: values.length / columns,
  columns,
  values: Float32Array.from(values),
});
const tag = (name: string): Tag => ({
  tag: name,
  kind: 'Attribution',
  method: name,
  layer: '',
  signal: '',
  statistic: false,
  steps: [],
  wall_times: [],
});

it('offers what all of them hold', () => {
  const names = (lists: string[][]) => commonTags(lists.map((list) => list.map(tag))).map((one) => one.tag);
  expect(
    names([
      ['a', 'b', 'c'],
      ['c', 'a'],
    ]),
  ).toEqual(['a', 'c']);
  expect(names([['a'], []])).toEqual([]);
  expect(names([])).toEqual([]);
});

describe('the scale', () => {
  const [a, b] = [side('A', [0, 5], 2), side('B', [0], 8)];
  it('is one for all sides and steps', () => expect(commonScale([a, b], 0, 'raw')).toBe(8));
  it('of shares does not depend on the unit', () => {
    expect(commonScale([a, b], 0, 'share')).toBeCloseTo(2 / 3);
    expect([...sideMap(b, 0, 'share').values]).toEqual([...sideMap(a, 0, 'share').values]);
  });
  it('leaves an empty map empty', () => expect([...shareOfTotal(grid([0, 0])).values]).toEqual([0, 0]));
});

describe('a difference', () => {
  it('is signed, b − a', () => expect([...difference(grid([1, 2]), grid([4, 0]))!.values]).toEqual([3, -2]));
  it('of maps of different size does not exist, and says why', () => {
    expect(difference(grid([1, 2]), grid([1]))).toBeNull();
    expect(whyNoAgreement(grid([1, 2]), grid([1]))).toBe('maps of different size, 1×2 and 1×1');
    expect(agreement(grid([1, 2]), grid([1])).rank).toBeNaN();
  });
});

it('agreement does not depend on the scale', () => {
  const found = agreement(grid([0, 1, 2, 3]), grid([0, 10, 20, 30]));
  expect([found.overlap, found.rank]).toEqual([1, 1]);
});

it('says what a flat map is', () => {
  expect(
    [
      [0, 0],
      [2, 2],
      [1, NaN],
      [1, 2],
    ].map((values) => mapState(grid(values))),
  ).toEqual(['empty', 'constant', 'not a number', '']);
  expect(whyNoAgreement(grid([2, 2]), grid([1, 2]))).toBe('a map is constant');
});

it('knows whether the inputs are the same', () => {
  expect(sameProbe([side('A', [0], 1), side('B', [0], 1)])).toBe(true);
  expect(sameProbe([side('A', [0], 1), side('B', [0], 1, { probe: 'other' })])).toBe(false);
  expect(sameProbe([side('A', [0], 1, { probe: '' }), side('B', [0], 1)])).toBe(false);
  expect(sameProbe([{ ...side('A', [0], 1, { probe: '' }), probe: undefined }, side('B', [0], 1)])).toBeUndefined();
});

it('compares the samples that all sides have', () =>
  expect(sampleCountOf([side('A', [0], 1, { shape: [3, 2, 2] }), side('B', [0], 1)])).toBe(1));
