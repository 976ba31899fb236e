// SPDX-License-Identifier: Apache-2.0
// Drift and ranks are what Python measures (tests/frontend/golden.py), to nine digits.
import { describe, expect, it, test } from 'vitest';
import { driftOf, jumps, jumpScores, settled, totalDrift } from '../../../src/model/maps/drift';
import { percentile } from '../../../src/model/maps/grid';
import { mapRanks, rankCorrelation, strongest, topOverlap } from '../../../src/model/maps/ranks';
import goldenText from '../../golden/drift.json?raw';

type Table = (number | null)[][];
const golden = JSON.parse(goldenText) as Record<string, Table> & {
  maps: (number | null)[][][];
  jumps: boolean[][];
  settled: number[];
};

/** Sample `n` of a table [T n]; null is NaN. */
const column = (table: Table, n: number): number[] => table.map((row) => row[n] ?? NaN);

function same(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) =>
    Number.isNaN(expected[i]!) ? expect(value).toBeNaN() : expect(value).toBeCloseTo(expected[i]!, 8),
  );
}

describe.each([0, 1])('drift of sample %i', (n) => {
  const maps = golden.maps.map((frame) => ({
    rows: 4,
    columns: 5,
    values: Float32Array.from(frame[n]!, (value) => value ?? NaN),
  }));
  const drift = driftOf(maps);
  for (const name of ['rankToPrevious', 'rankToLast', 'overlapToPrevious', 'overlapToLast'] as const) {
    it(`has Python’s ${name}`, () => same(drift[name], column(golden[name]!, n)));
  }
  it('jumps where Python says', () => {
    same(jumpScores(drift.rankToPrevious), column(golden.scores!, n));
    expect(jumps(drift.rankToPrevious)).toEqual(golden.jumps.map((row) => row[n]));
  });
  it('is settled when Python says', () => expect(settled(drift.rankToLast)).toBe(golden.settled[n]));
});

test('the golden maps jump, or the test above would prove nothing', () => expect(golden.jumps.flat()).toContain(true));

describe('ranks', () => {
  it('share the mean of their places', () => expect([...mapRanks([3, 1, 3, 0])!]).toEqual([3.5, 2, 3.5, 1]));
  it('of a constant or unfinished map correlate with nothing', () => {
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(rankCorrelation([1, NaN, 1], [1, 2, 3])).toBeNaN();
    expect(rankCorrelation([1, 2], [1, 2, 3])).toBeNaN();
    expect(rankCorrelation([1, 2, 3], [9, 4, 1])).toBeCloseTo(-1);
  });
  it('the strongest tenth holds ties and never the minimum', () => {
    expect([...strongest([0, 5, 5, 1])]).toEqual([0, 1, 1, 0]);
    expect([...strongest([2, 2, 2])]).toEqual([0, 0, 0]);
    expect(topOverlap([0, 1, 0, 0], [0, 1, 2, 0])).toBe(0);
    expect(topOverlap([1, 1], [0, 1])).toBeNaN();
  });
});

test('settled: not yet, never, always', () => {
  expect(settled([0.1, 0.95, 0.2, 1])).toBe(3);
  expect(settled([NaN, NaN])).toBe(-1);
  expect(settled([0.95, 1])).toBe(0);
  expect(settled([])).toBe(-1);
});

test('total drift is the mean fall, −1 where nothing is known', () => {
  expect(
    totalDrift({ rankToPrevious: [NaN, 0.5, 1], rankToLast: [], overlapToPrevious: [], overlapToLast: [] }),
  ).toBeCloseTo(0.25);
  expect(totalDrift({ rankToPrevious: [NaN], rankToLast: [], overlapToPrevious: [], overlapToLast: [] })).toBe(-1);
});

describe('quick ways are the plain ones', () => {
  // xorshift: the same numbers every time
  let state = 12345;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const values = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () =>
      random() < 0.2 ? 0 : random() < 0.1 ? -0 : (random() - 0.4) * 10 ** (random() * 8 - 4),
    );

  it('ranks of float32 values are those of the same numbers sorted with a function', () => {
    for (let i = 0; i < 30; i++) {
      const map = values(1 + Math.floor(random() * 300));
      expect(mapRanks(map)).toEqual(mapRanks(Array.from(map)));
    }
  });

  it.each([10, 2048, 2049, 40_000])('the percentile of %i values is that of the sorted ones', (count) => {
    const map = values(count);
    const sorted = Array.from(map, Math.abs).sort((a, b) => a - b);
    for (const share of [0, 0.5, 0.99, 1])
      expect(percentile([{ rows: 1, columns: count, values: map }], share)).toBe(
        sorted[Math.min(count - 1, Math.floor(share * count))],
      );
  });
});
