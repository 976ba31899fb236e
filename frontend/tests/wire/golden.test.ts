// SPDX-License-Identifier: Apache-2.0
// Bodies written by Python (tests/frontend/golden.py) decode here to the numbers that went in.
import { expect, test } from 'vitest';
import { fold } from '../../src/model/findings';
import { Attribution, Findings, RunStatus } from '../../src/wire/schema_pb';
import { decodeFrames, sampleHeat } from '../../src/wire/wire';
import attributionHex from '../golden/attribution.hex?raw';
import findingsHex from '../golden/findings.hex?raw';
import statusHex from '../golden/status.hex?raw';

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));

test('an attribution keeps its tiny, zero, negative and missing values', () => {
  const frames = decodeFrames(Attribution, bytes(attributionHex));
  expect(frames.map((frame) => frame.step)).toEqual([0, 1_000_000]);
  const { record } = frames[1]!;
  expect([record.method, record.layer, record.signed, record.call, record.calls]).toEqual([
    'grad_cam',
    'conv',
    true,
    2,
    2,
  ]);
  expect(record.targets).toEqual([3, -1]);
  const heat = sampleHeat(record, 0);
  expect([heat.rows, heat.columns]).toEqual([2, 3]);
  const expected = [1e-9, 0.5e-9, Number.NaN, 0.25e-9, -1e-9, 2e-9];
  expected.forEach((value, i) => {
    if (Number.isNaN(value)) expect(heat.values[i]).toBeNaN();
    else expect(Math.abs(heat.values[i]! - value)).toBeLessThan(2e-12);
  });
  expect([...sampleHeat(record, 1).values]).toEqual([0, 0, 0, 0, 0, 0]);
});

test('a status keeps its lists and numbers beyond 32 bits', () => {
  const { record } = decodeFrames(RunStatus, bytes(statusHex))[0]!;
  expect(record.nextExplainStep).toBe(2 ** 40);
  expect(record.signals[0]).toMatchObject({ name: 'attention', state: 'off', reason: 'why', remedy: 'how' });
  expect(record.costs[0]).toMatchObject({ name: 'explanations', seconds: 1.5, runs: 3, skipped: 2 });
});

test('findings keep all they say, and a consequence names its cause as Python does', () => {
  const { record } = decodeFrames(Findings, bytes(findingsHex))[0]!;
  expect(record.findings[0]).toEqual({
    rule: 'dead_layer',
    severity: 'error',
    layer: 'relu2',
    firstStep: 206,
    lastStep: 400,
    value: 0.97,
    threshold: 0.95,
    message: 'what',
    advice: 'try',
    family: 'units',
    title: 'relu2 is dead',
    cause: 'likely',
    root: '',
    statistic: 'share of dead units',
  });
  expect(record.findings[1]!.threshold).toBeNaN();
  expect(record.rules).toEqual([
    { rule: 'dead_layer', family: 'units', state: 'waiting', reason: '12 of 50 steps', definition: 'it means' },
  ]);
  expect(record.step).toBe(400);
  expect(fold(record.findings).map((one) => [one.key, one.consequences.length])).toEqual([['dead_layer@relu2', 1]]);
});
