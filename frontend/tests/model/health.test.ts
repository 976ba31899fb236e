// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { formatValue } from '../../src/model/format';
import { healthOf, rowsAbove } from '../../src/model/health';
import { columnAt, offeredOf, scaleOf, scaleWord, valueAt } from '../../src/model/metrics';
import { orderRows } from '../../src/views/layers/layers';
import { marksOf } from '../../src/views/layers/ridges';
import { ageWords, costSentence, signalSentence } from '../../src/views/overview/status_card';
import { column, DESCRIPTIONS } from '../descriptions';
import { seriesOf } from '../helpers';

const metricOf = (key: string) => DESCRIPTIONS.columns.find((one) => one.key === key)!;
const STEPS = [0, 100, 200, 300];
const nothing = { gradients: null, nonFiniteActivations: null, nonFiniteGradients: null };

test('a dead layer is dead since the first column from which it stays so', () => {
  const dead = seriesOf({ a: [0.99, 0.1, 0.97, 1], b: [0, 0, 0, 0.2] }, STEPS);
  expect(rowsAbove(dead, 0.95)).toEqual([{ name: 'a', since: 200, value: 1 }]);
  expect(healthOf({ ...nothing, dead }).sentence).toBe('1 of 2 layers look dead since step 200');
});

test('missing values at the end do not hide a dead layer', () => {
  expect(rowsAbove(seriesOf({ a: [0, 1, 1, NaN] }, STEPS), 0.95)[0]?.since).toBe(100);
});

test('a healthy run is said to be healthy, and only as far as was measured', () => {
  const dead = seriesOf({ a: [0, 0, 0, 0], b: [0, 0, 0, 0] }, STEPS);
  expect(healthOf({ ...nothing, dead }).sentence).toBe('All 2 layers alive at step 300');
  expect(healthOf({ ...nothing, dead, nonFiniteGradients: dead }).sentence).toContain('gradients finite');
  expect(healthOf({ ...nothing, dead: null }).sentence).toBe('No statistics of layers in this run');
});

test('an explosion and NaN are errors and come before a dying layer', () => {
  const dead = seriesOf({ a: [0, 0, 0.6, 0.6] }, STEPS);
  const gradients = seriesOf({ a: [1, 1, 1e6, 1e6] }, STEPS);
  const health = healthOf({
    dead,
    gradients,
    nonFiniteActivations: null,
    nonFiniteGradients: seriesOf({ a: [0, 0, 0, 3] }, STEPS),
  });
  expect(health.remarks.map((one) => [one.severity, one.step])).toEqual([
    ['error', 200],
    ['error', 300],
    ['warning', 200],
  ]);
});

test('values for people', () => {
  expect(formatValue('share', 0.976)).toBe('98\u202f%');
  expect(formatValue('share', 0.0123)).toBe('1.2\u202f%');
  expect(formatValue('log', 1.24e-7)).toBe('1.2·10⁻⁷');
  expect(formatValue('signed', -0.5)).toBe('−0.5');
  expect(formatValue('log', NaN)).toBe('–');
  expect(formatValue('log', Infinity)).toBe('∞');
});

test('scales: shares are fixed, signed ones symmetric, logarithmic ones bounded', () => {
  expect(scaleOf(metricOf('dead'), [0, 0.01]).high).toBe(1);
  const signed = scaleOf(metricOf('mean'), [-1, 3]);
  expect([signed.low, signed.high, signed.toFraction(0)]).toEqual([-3, 3, 0.5]);
  const log = scaleOf(metricOf('gradient'), [0, 1e-40, 1]);
  expect(log.low).toBe(1e-12);
  expect(log.toFraction(0)).toBe(0);
});

test('the value at a step is the nearest logged one before it that is a number', () => {
  const found = seriesOf({ a: [1, NaN, 3, NaN] }, STEPS);
  expect(columnAt(found, 0, 150)).toBe(0);
  expect(valueAt(metricOf('std'), found, 0, 999)).toBe(3);
  expect(valueAt(metricOf('std'), seriesOf({ a: [NaN, NaN, NaN, NaN] }, STEPS), 0, 999)).toBeNaN();
});

test('strips offer what has a key, in the order of the log, a user’s own column too', () => {
  expect(offeredOf(DESCRIPTIONS.columns).map((one) => one.key)).toEqual(['dead', 'mean', 'std', 'gradient', 'own']);
  expect(offeredOf([column('x', 'activation', 'my_own', 'log', { title: '' })])[0]!.title).toBe('my own');
});

test('a column as it is ends where its values do, also below 0; fixed ends are kept; an unknown scale is drawn as it is', () => {
  const linear = scaleOf(metricOf('own'), [-2, NaN, 6]);
  expect([linear.low, linear.high, linear.toFraction(2)]).toEqual([-2, 6, 0.5]);
  expect(scaleOf(column('x', 'activation', 'x', 'linear', { low: -1, high: 1 }), [5]).high).toBe(1);
  expect(scaleOf(metricOf('own'), [NaN]).high).toBe(1);
  expect(scaleOf(column('x', 'activation', 'x', 'share'), [0.2, 0.4])).toMatchObject({ low: 0.2, high: 0.4 });
  expect(scaleOf(column('x', 'activation', 'x', 'log', { low: 0, high: 1 }), [0.01, 0.1]).low).toBe(0.01);
  expect(scaleWord({ scale: 'decibel' })).toBe('linear');
});

test('layers by name, in the model’s order or the highest first; no value comes last', () => {
  const names = ['conv1', 'fc', 'conv2'];
  expect(orderRows(names, [0.1, 0.9, NaN], 'worst', '')).toEqual([1, 0, 2]);
  expect(orderRows(names, [0.1, 0.9, 0.5], 'model', 'CONV')).toEqual([0, 2]);
  expect(orderRows(names, [5, 1.1, NaN], 'worst', '', true)).toEqual([1, 0, 2]);
});

test('A and B name the step asked for where a ridge holds several', () => {
  const columns = { firstSteps: [0, 100], lastSteps: [90, 190] };
  expect(marksOf(columns, 150, 250, 0)).toEqual([
    { step: 100, name: 'A', shown: 150 },
    { step: 0, name: '', shown: 0 },
  ]);
});

const status = {
  costs: [{ name: 'x', seconds: 1.9, runs: 3, skipped: 12 }],
  trainingSeconds: 100,
  maxOverhead: 0.05,
  nextExplainStep: 500,
  nextLogStep: 50,
} as never;

test('what recording cost, and what it put off', () => {
  expect(costSentence(status)).toBe(
    'Recording took 1.9\u202f% of training, budget 5\u202f%; 12 snapshots put off to keep it.',
  );
});

test('why a signal is missing, what to do, and when it is due', () => {
  expect(
    signalSentence({ name: 'attention', state: 'off', reason: 'no attention layer', remedy: 'none needed' }, status),
  ).toBe('not captured: no attention layer — none needed');
  expect(signalSentence({ name: 'explanations', state: 'waiting', reason: '', remedy: '' }, status)).toBe(
    'first snapshot due at step 500',
  );
});

test('ages in words', () => {
  expect([ageWords(30), ageWords(384), ageWords(7300)]).toEqual(['30 s', '6 min', '2 h']);
});
