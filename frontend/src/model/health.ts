// SPDX-License-Identifier: Apache-2.0
// The Overview's sentences for logs in which no rule has spoken: what the statistics alone say about a
// run's health. Where the log holds `Findings`, those count and nothing here is used.
import type { Series } from '../wire/api';
import { formatValue } from './format';
import { formatStep } from './steps';

const DEAD = 0.95;
const DYING = 0.5;
const EXPLODED = 1000;

export interface Remark {
  severity: 'error' | 'warning' | 'info';
  message: string;
  layer: string;
  step: number;
  advice: string;
}

export interface Health {
  sentence: string;
  remarks: Remark[];
}

const ORDER = { error: 0, warning: 1, info: 2 };

/** Rows at or above `level` in the last column that has a value, with the first step since it stays so. */
export function rowsAbove(series: Series, level: number): { name: string; since: number; value: number }[] {
  const width = series.firstSteps.length;
  return series.names.flatMap((name, row) => {
    const values = series.mean.subarray(row * width, (row + 1) * width);
    let last = width - 1;
    while (last >= 0 && Number.isNaN(values[last]!)) last--;
    if (last < 0 || !(values[last]! >= level)) return [];
    let first = last;
    while (first > 0 && values[first - 1]! >= level) first--;
    return [{ name, since: series.firstSteps[first]!, value: values[last]! }];
  });
}

/** Rows whose newest value is far above their own median: explosions. */
export function rowsExploded(series: Series): { name: string; since: number; value: number; factor: number }[] {
  const width = series.firstSteps.length;
  return series.names.flatMap((name, row) => {
    const values = series.high.subarray(row * width, (row + 1) * width);
    const finite = Array.from(values)
      .filter((value) => value > 0)
      .sort((a, b) => a - b);
    const usual = finite[finite.length >> 2] ?? 0;
    const value = Array.from(values).findLast((one) => !Number.isNaN(one)) ?? 0;
    if (!(usual > 0) || !(value > usual * EXPLODED)) return [];
    const since = values.findIndex((one) => one > usual * EXPLODED);
    return [{ name, since: series.firstSteps[since]!, value, factor: value / usual }];
  });
}

/** Dead layers with the step since they are dead, and layers on their way with the step since half is gone. */
function deadRemarks(dead: Series): Remark[] {
  const gone = rowsAbove(dead, DEAD);
  const dying = rowsAbove(dead, DYING).filter((one) => !gone.some((other) => other.name === one.name));
  const remark =
    (severity: Remark['severity'], what: string) =>
    ({ name, since, value }: { name: string; since: number; value: number }): Remark => ({
      severity,
      layer: name,
      step: since,
      message: `${name}: ${formatValue('share', value)} of its units are active for no sample, ${what} since step ${formatStep(since)}`,
      advice: 'Lower the learning rate or warm it up, check the initialisation, or use a leaky nonlinearity.',
    });
  return [...gone.map(remark('error', 'dead')), ...dying.map(remark('warning', 'half or more dead'))];
}

function explosionRemarks(gradients: Series): Remark[] {
  const worst = rowsExploded(gradients).sort((a, b) => a.since - b.since || b.factor - a.factor)[0];
  if (!worst) return [];
  return [
    {
      severity: 'error',
      layer: worst.name,
      step: worst.since,
      message: `${worst.name}: the gradient norm rose to ${formatValue('log', worst.value)}, ${formatValue('log', worst.factor)} times its usual value, since step ${formatStep(worst.since)}`,
      advice: 'Clip gradients and look at the learning rate just before that step.',
    },
  ];
}

function nonFiniteRemarks(nonFinite: Series, what: string): Remark[] {
  const first = rowsAbove(nonFinite, 1).sort((a, b) => a.since - b.since)[0];
  if (!first) return [];
  return [
    {
      severity: 'error',
      layer: first.name,
      step: first.since,
      message: `${what} of ${first.name} hold NaN or infinity since step ${formatStep(first.since)}`,
      advice: 'Lower the learning rate, clip gradients, guard logarithms and divisions.',
    },
  ];
}

export interface Evidence {
  dead: Series | null | undefined;
  gradients: Series | null | undefined;
  nonFiniteActivations: Series | null | undefined;
  nonFiniteGradients: Series | null | undefined;
}

/** One sentence and what stands behind it. */
export function healthOf({ dead, gradients, nonFiniteActivations, nonFiniteGradients }: Evidence): Health {
  const remarks = [
    ...(nonFiniteActivations ? nonFiniteRemarks(nonFiniteActivations, 'The activations') : []),
    ...(nonFiniteGradients ? nonFiniteRemarks(nonFiniteGradients, 'The gradients') : []),
    ...(gradients ? explosionRemarks(gradients) : []),
    ...(dead ? deadRemarks(dead) : []),
  ].sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || a.step - b.step);
  return { sentence: sentenceOf(remarks, dead, nonFiniteGradients), remarks };
}

function sentenceOf(remarks: Remark[], dead: Series | null | undefined, finite: Series | null | undefined): string {
  const count = dead?.names.length ?? 0;
  const gone = dead ? rowsAbove(dead, DEAD) : [];
  if (gone.length)
    return `${gone.length} of ${count} layers look dead since step ${formatStep(Math.min(...gone.map((one) => one.since)))}`;
  if (remarks[0]) return remarks[0].message;
  const alive = dead && count ? `All ${count} layers alive at step ${formatStep(dead.lastSteps.at(-1) ?? 0)}` : '';
  return [alive, finite ? 'gradients finite' : ''].filter(Boolean).join(', ') || 'No statistics of layers in this run';
}
