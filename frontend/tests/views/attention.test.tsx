// SPDX-License-Identifier: Apache-2.0
// Which head, which patch grid, which tokens: what Attention works out before it draws.
import { describe, expect, it } from 'vitest';
import { headMatrix, headScale } from '../../src/model/heads';
import { headChoice } from '../../src/views/attention/attention';
import { patchesOf, span, strongest } from '../../src/views/attention/head';
import { Attention, Probe } from '../../src/wire/schema_pb';
import { recordOf } from '../records';

describe('the head in the address', () => {
  it('is found, with separators in the layer’s name', () =>
    expect(headChoice('a#b#2', ['a#b', 'c'])).toEqual({ layer: 'a#b', head: 2 }));
  it('is the mean of the last layer without a choice, or with one of another run', () => {
    for (const text of ['', 'gone#1', '#']) expect(headChoice(text, ['a', 'c'])).toEqual({ layer: 'c', head: -1 });
    expect(headChoice('a#mean', ['a', 'c'])).toEqual({ layer: 'a', head: -1 });
  });
});

describe('the patch grid', () => {
  const picture = { images: [new Uint8Array(1)] };
  it('is the recorder’s', () => {
    const probe = recordOf(Probe, { ...picture, patchRows: 2, patchColumns: 8, prefixTokens: 1 });
    expect(patchesOf(probe, 17)).toEqual({ rows: 2, columns: 8, prefix: 1 });
  });
  it('is else a square with at most a class token, for pictures only', () => {
    expect(patchesOf(recordOf(Probe, picture), 16)).toEqual({ rows: 4, columns: 4, prefix: 0 });
    expect(patchesOf(recordOf(Probe, picture), 17)).toEqual({ rows: 4, columns: 4, prefix: 1 });
    expect(patchesOf(recordOf(Probe, picture), 18).rows).toBe(0);
    expect(patchesOf(recordOf(Probe, {}), 16).rows).toBe(0);
  });
});

it('pooled tokens are named by their range', () => {
  expect([span(0, 4, 16), span(3, 4, 16), span(2, 4, 4)]).toEqual(['1–4', '13–16', '3']);
});

it('a head’s matrix is its own, and -1 the mean of all', () => {
  const [one, half] = [0x3c00, 0x3800];
  const record = recordOf(Attention, {
    version: 1,
    shape: [1, 2, 1, 2],
    weights: new Uint8Array(Uint16Array.from([one, 0, half, half]).buffer),
  });
  expect([...headMatrix(record, 0, 1).values]).toEqual([0.5, 0.5]);
  expect([...headMatrix(record, 0, -1).values]).toEqual([0.75, 0.25]);
  expect(strongest(headMatrix(record, 0, -1), 0)).toEqual([0, 1]);
});

it('one scale holds for all steps, so that an even step stays dark beside a sharp one', () => {
  const frame = (step: number, bits: number) => ({
    step,
    wallTime: step,
    record: recordOf(Attention, {
      version: 1,
      shape: [1, 1, 1, 2],
      weights: new Uint8Array(Uint16Array.from([bits, bits]).buffer),
    }),
  });
  const frames = [frame(0, 0x3800), frame(1, 0x3c00)];
  expect(headScale(frames, 0, 0)).toBe(1);
  expect(headScale(frames.slice(0, 1), 0, 0)).toBe(0.5);
  expect(headScale([], 0, 0)).toBe(0);
});
