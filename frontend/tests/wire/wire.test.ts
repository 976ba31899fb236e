// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { Attribution } from '../../src/wire/schema_pb';
import {
  decodeFrames,
  decodeRecord,
  float16,
  float32,
  halfToNumber,
  headWeights,
  sampleHeat,
  WireError,
} from '../../src/wire/wire';
import { attribution, frames } from '../helpers';

test('half floats: exact values, subnormals, infinities, not-a-number', () => {
  expect(halfToNumber(0x3c00)).toBe(1);
  expect(halfToNumber(0xc000)).toBe(-2);
  expect(halfToNumber(0x3555)).toBeCloseTo(1 / 3, 3);
  expect(halfToNumber(0x0001)).toBe(2 ** -24);
  expect(halfToNumber(0x7bff)).toBe(65504);
  expect(halfToNumber(0xfc00)).toBe(-Infinity);
  expect(halfToNumber(0x7e00)).toBeNaN();
});

test('float16 reads a part of the array, little-endian', () => {
  const bytes = new Uint8Array([0x00, 0x3c, 0x00, 0x40, 0x00, 0xb8]);
  expect([...float16(bytes)]).toEqual([1, 2, -0.5]);
  expect([...float16(bytes, 1, 2)]).toEqual([2, -0.5]);
});

test('float32 reads bytes that start at any offset', () => {
  const body = new Uint8Array(9);
  new DataView(body.buffer).setFloat32(1, 2.5, true);
  new DataView(body.buffer).setFloat32(5, NaN, true);
  const values = float32(body.subarray(1));
  expect(values[0]).toBe(2.5);
  expect(values[1]).toBeNaN();
});

test('a body of frames gives records with their steps, and heat in the method’s own unit', () => {
  const found = decodeFrames(
    Attribution,
    frames([
      { step: 5, wallTime: 1.5, record: attribution() },
      { step: 4_000_000_000, wallTime: 2.5, record: attribution() },
    ]),
  );
  expect(found.map((one) => [one.step, one.wallTime])).toEqual([
    [5, 1.5],
    [4_000_000_000, 2.5],
  ]);
  expect(found[0]!.record.method).toBe('grad_cam');
  const heat = sampleHeat(found[0]!.record, 0);
  expect([heat.rows, heat.columns, ...heat.values]).toEqual([1, 2, 4, -2]);
});

test('a record of a newer schema is refused with the remedy', () => {
  expect(() => decodeRecord(Attribution, attribution(9))).toThrow(
    /schema version 9.*up to 1.*pip install -U tb-xai-plugin/,
  );
});

test('cut bytes are an error in words, not a crash of the reader', () => {
  expect(() => decodeRecord(Attribution, attribution().slice(0, 10))).toThrow(WireError);
});

test('attention weights of one sample and head', () => {
  const half = [0x3c00, 0x4000, 0x4200, 0x4400]; // 1 2 3 4
  const weights = new Uint8Array(half.flatMap((bits) => [bits & 255, bits >> 8]));
  const record = { shape: [1, 2, 1, 2], weights } as never;
  expect([...headWeights(record, 0, 1).values]).toEqual([3, 4]);
});
