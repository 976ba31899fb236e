// SPDX-License-Identifier: Apache-2.0
// What Explanations says and which scale it draws on.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  filterSamples,
  formatScore,
  keptDomains,
  resolutionNote,
  sampleFilm,
  sampleState,
  strongestPlace,
} from '../../src/model/maps/explain';
import { percentile, totalMass } from '../../src/model/maps/grid';
import { chosenTag } from '../../src/model/methods';
import { classesOf, headline } from '../../src/views/explanations/explanations';
import { inputName } from '../../src/views/explanations/words_bars';
import type { Tag } from '../../src/wire/api';
import { Attribution, Probe } from '../../src/wire/schema_pb';
import { recordOf } from '../records';

const ONE = 0x3c00;

/** Two samples of 2 × 2; `halves` are float16 patterns of all eight values. */
function frame(step: number, halves: number[], scale: number[], more: Partial<Attribution> = {}) {
  const heat = new Uint8Array(Uint16Array.from(halves).buffer);
  const record = recordOf(Attribution, {
    version: 1,
    method: 'grad_cam',
    layer: 'c',
    shape: [2, 2, 2],
    heat,
    scale,
    targets: [1, 0],
    scores: [0.9, 0.4],
    predictions: [1, 0],
    predictionScores: [0.9, 0.4],
    probabilities: true,
    ...more,
  });
  return { step, wallTime: step, record };
}

const probe = recordOf(Probe, { labels: [1, 1], classNames: ['cat', 'dog'], featureNames: ['age'] });

describe('one sample through training', () => {
  const frames = [frame(0, [ONE, 0, 0, 0, 0, 0, 0, 0], [2, 1]), frame(5, [0, 0, 0, 0, 0, 0, 0, ONE], [2, 8])];

  it('has its mass in the method’s own unit, so that a collapse shows', () => {
    expect(sampleFilm(frames, 0).mass).toEqual([2, 0]);
    expect(sampleFilm(frames, 1).mass).toEqual([0, 8]);
  });

  it('has one scale for all steps', () => expect(sampleFilm(frames, 0).p99).toBe(2));
  it('is decoded once, also when a frame is added', () => {
    expect(sampleFilm([...frames, frame(9, Array(8).fill(0), [1, 1])], 0).maps[0]).toBe(sampleFilm(frames, 0).maps[0]);
  });

  it('says where it is strongest, and when it is empty', () => {
    expect(strongestPlace(sampleFilm(frames, 0).maps[0]!)).toBe('strongest top left');
    expect(strongestPlace(sampleFilm(frames, 0).maps[1]!)).toBe('empty: all values are 0');
    expect(resolutionNote(sampleFilm(frames, 0).maps[0]!, true)).toBe('2×2, upsampled');
  });
});

describe('the scale', () => {
  let domainOf = keptDomains();
  beforeEach(() => {
    domainOf = keptDomains();
  });

  it('stays until the maps exceed it by a quarter, then says since when', () => {
    expect(domainOf('a', 4, 10)).toEqual({ most: 4, refitAt: undefined });
    expect(domainOf('a', 5, 20).most).toBe(4);
    expect(domainOf('a', 1, 25).most).toBe(4);
    expect(domainOf('a', 5.01, 30)).toEqual({ most: 5.01, refitAt: 30 });
    expect(domainOf('b', 1, 30).most).toBe(1);
  });

  it('of empty maps is 0, and the first values are no refit', () => {
    expect(domainOf('a', 0, 0).most).toBe(0);
    expect(domainOf('a', 3, 5)).toEqual({ most: 3, refitAt: undefined });
  });

  it('leaves NaN out, but the mass does not hide it', () => {
    const map = { rows: 1, columns: 3, values: Float32Array.from([NaN, -3, 1]) };
    expect(percentile([map], 0.99)).toBe(3);
    expect(totalMass(map)).toBeNaN();
  });
});

describe('words', () => {
  const { record } = frame(0, Array(8).fill(0), [1, 1]);

  it('mark what is wrong', () => {
    expect(sampleState(record, probe, 0)).toMatchObject({
      label: 'dog',
      wrong: false,
      explains: 'class “dog”, p 90\u202f%',
    });
    expect(sampleState(record, probe, 1)).toMatchObject({ label: 'dog', wrong: true, prediction: 'cat, 40\u202f%' });
    expect(headline({ frames: [frame(7, Array(8).fill(0), [1, 1])], current: 0, probe })).toBe(
      '1 of 2 samples wrong at step 7',
    );
  });

  it('of a regression name the output, no class', () => {
    const regression = frame(0, Array(8).fill(0), [1, 1], {
      targets: [-1, -1],
      predictions: [-1, -1],
      scores: [1.234, 0],
      probabilities: false,
    });
    expect(sampleState(regression.record, recordOf(Probe, { targets: [1.5, 2] }), 0)).toMatchObject({
      label: '1.5',
      prediction: 'output 1.23',
      wrong: false,
    });
    expect(classesOf([regression], undefined)).toEqual([]);
  });

  it('do not round a probability up to certainty', () => {
    expect(formatScore(0.9999, true)).toBe('> 99.9\u202f%');
    expect(formatScore(1, true)).toBe('100\u202f%');
    expect(formatScore(NaN, true)).toBe('not a number');
  });

  it('name inputs where there are names', () =>
    expect([inputName(probe, 0, 0), inputName(probe, 0, 1)]).toEqual(['age', 'input 2']));
});

it('filters by true class and by error', () => {
  const { record } = frame(0, Array(8).fill(0), [1, 1]);
  expect(filterSamples(record, probe, -1, false)).toEqual([0, 1]);
  expect(filterSamples(record, probe, -1, true)).toEqual([1]);
  expect(filterSamples(record, probe, 0, false)).toEqual([]);
});

it('keeps the chosen layer when the method changes, else takes the deepest', () => {
  const tags = [
    ['a', 'x'],
    ['a', 'y'],
    ['b', 'x'],
    ['b', 'z'],
  ].map(([method, layer]) => ({ method, layer, tag: `${method}/${layer}` })) as unknown as Tag[];
  expect(chosenTag(tags, '', '')?.tag).toBe('b/z');
  expect(chosenTag(tags, 'a', 'x')?.tag).toBe('a/x');
  expect(chosenTag(tags, 'a', 'z')?.tag).toBe('a/y');
  expect(chosenTag([], 'a', 'z')).toBeUndefined();
});
