// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { drawRidges, ridgesOf } from '../../src/draw/ridges';
import { drawStrip, stripEnd } from '../../src/draw/strip';
import { DARK, LIGHT } from '../../src/draw/theme';
import { drawTicks } from '../../src/draw/ticks';
import { drawUnitMap } from '../../src/draw/unit_map';
import { colourOf, table } from '../../src/model/color';
import { stepScale } from '../../src/model/steps';
import { recordingContext } from '../helpers';

test('colour maps begin and end where they should, and viridis only grows lighter', () => {
  expect([...table('inferno').slice(0, 3)]).toEqual([0, 0, 4]);
  expect(colourOf('viridis', 1)).toBe('rgb(253 231 37)');
  expect(colourOf('viridis', 7)).toBe(colourOf('viridis', 1));
  const map = table('viridis');
  const light = Array.from(
    { length: 256 },
    (_, i) => 0.2126 * map[i * 3]! + 0.7152 * map[i * 3 + 1]! + 0.0722 * map[i * 3 + 2]!,
  );
  for (let i = 1; i < 256; i++) expect(light[i]).toBeGreaterThanOrEqual(light[i - 1]! - 0.6);
});

test('the diverging map is neutral in the middle, blue below, red above', () => {
  const rgb = (fraction: number): number[] => colourOf('rdbu', fraction).match(/\d+/g)!.map(Number);
  expect(Math.max(...rgb(0.5)) - Math.min(...rgb(0.5))).toBeLessThan(4);
  expect(rgb(0.1)[2]).toBeGreaterThan(rgb(0.1)[0]!);
  expect(rgb(0.9)[0]).toBeGreaterThan(rgb(0.9)[2]!);
});

test('a strip has true step spacing, merges equal neighbours, and greys what has no value', () => {
  const { context, calls } = recordingContext();
  const firstSteps = [0, 10, 90];
  drawStrip(
    context,
    { rows: [[0, 0, NaN]], firstSteps, scale: stepScale(0, 100, 'linear'), map: 'viridis', marks: [], rowHeight: 20 },
    { width: 200, height: 20 },
    LIGHT,
  );
  const cells = calls.filter((one) => one.name === 'fillRect');
  expect(cells.map((one) => one.args)).toEqual([
    [0, 0, 180, 19],
    [180, 0, 20, 19],
  ]);
  expect(cells.map((one) => one.fill)).toEqual([colourOf('viridis', 0), LIGHT.nothing]);
});

test('the last column of a strip gets one usual gap of room', () => {
  expect(stripEnd([0, 10, 20, 30])).toBe(40);
  expect(stripEnd([7])).toBe(8);
});

test('scrubber marks: explanations above the track, statistics below', () => {
  const { context, calls } = recordingContext();
  drawTicks(
    context,
    { scale: stepScale(0, 10, 'linear'), snapshots: [0, 10], statistics: [5], inset: 8 },
    { width: 116, height: 28 },
    DARK,
  );
  const rects = calls.filter((one) => one.name === 'fillRect');
  const above = rects.filter((one) => one.fill === DARK.ink);
  expect(above.map((one) => one.args[0])).toEqual([7.5, 107.5]);
  expect(above.every((one) => (one.args[1] as number) < 14)).toBe(true);
  const below = rects.filter((one) => one.fill === DARK.control && one.args[2] === 1);
  expect(below.map((one) => one.args.slice(0, 2))).toEqual([[57.5, 16]]);
});

const histogram = (columns: number[][]) => ({
  name: 'x',
  firstSteps: columns.map((_, i) => i * 10),
  lastSteps: columns.map((_, i) => i * 10),
  kept: columns.length,
  source: 'probe',
  numSamples: [],
  minExponent: -2,
  exponents: 3,
  counts: columns.flat(),
});

test('ridges: negative bins mirror, zeros and non-finite are apart, low magnitudes are not lost', () => {
  // negative from large to small, zero, positive from small to large, non-finite
  const ridges = ridgesOf(
    histogram([
      [0, 0, 10, 40, 20, 30, 0, 5],
      [0, 0, 0, 100, 0, 0, 0, 0],
    ]),
  );
  expect([ridges.low, ridges.high]).toEqual([-2, -1]);
  expect([...ridges.rows[0]!].map((share) => Math.round(share * 105))).toEqual([0, 10, 20, 30]);
  expect(ridges.zeroShare[1]).toBe(1);
  expect(ridges.nonFinite).toEqual([5, 0]);
});

test('ridges name A and the ends, and draw one outline a step', () => {
  const { context, calls } = recordingContext();
  const ridges = ridgesOf(
    histogram([
      [0, 0, 10, 40, 20, 30, 0, 0],
      [0, 0, 0, 50, 50, 0, 0, 0],
      [0, 0, 0, 50, 50, 0, 0, 0],
    ]),
  );
  drawRidges(context, { ridges, marks: [{ step: 10, name: 'A', shown: 12 }] }, { width: 400, height: 200 }, LIGHT);
  expect(calls.filter((one) => one.name === 'stroke')).toHaveLength(3);
  const texts = calls.filter((one) => one.name === 'fillText').map((one) => one.args[0]);
  expect(texts).toEqual(expect.arrayContaining(['A 12', '0', '20']));
});

test('dead units are crossed, so that they do not depend on colour', () => {
  const { context, calls } = recordingContext();
  drawUnitMap(context, { live: [0.5, 0, 1], cell: 10 }, { width: 20, height: 20 }, LIGHT);
  expect(calls.filter((one) => one.name === 'stroke')).toHaveLength(1);
  expect(calls.filter((one) => one.name === 'fillRect').map((one) => one.args.slice(0, 2))).toEqual([
    [0, 0],
    [10, 0],
    [0, 10],
  ]);
});

function contrast(a: string, b: string): number {
  const light = (hex: string): number => {
    const [r, g, b] = [1, 3, 5]
      .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

test.each([LIGHT, DARK])('text keeps 4.5:1 and controls 3:1', (theme) => {
  for (const ground of [theme.page, theme.panel]) {
    for (const text of [theme.ink, theme.soft, theme.accent, theme.error, theme.warning])
      expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(theme.control, ground)).toBeGreaterThanOrEqual(3);
  }
  expect(contrast(theme.accentInk, theme.accent)).toBeGreaterThanOrEqual(4.5);
});
