// SPDX-License-Identifier: Apache-2.0
// The statistics that the layer strips can show: where each comes from, its unit, its colours, its scale.
import type { Series } from '../wire/api';
import type { ColourMapName } from './color';

export interface Metric {
  id: string;
  label: string;
  /** Word of the glossary that explains it. */
  meaning: string;
  signal: string;
  column: string;
  kind: 'share' | 'log' | 'signed';
  /** Fixed ends of the colour scale; otherwise the data's. */
  domain?: readonly [number, number];
  /** True where a small value is the bad one. */
  lowIsBad?: boolean;
}

export const METRICS: readonly Metric[] = [
  {
    id: 'dead',
    label: 'dead units',
    meaning: 'Share of a layer’s units that are active for no sample of the batch.',
    signal: 'activation',
    column: 'dead_fraction',
    kind: 'share',
    domain: [0, 1],
  },
  {
    id: 'zero',
    label: 'zero share',
    meaning: 'Share of all output values that are exactly 0.',
    signal: 'activation',
    column: 'zero_fraction',
    kind: 'share',
    domain: [0, 1],
  },
  {
    id: 'mean',
    label: 'mean activation',
    meaning: 'Mean of the layer’s output.',
    signal: 'activation',
    column: 'mean',
    kind: 'signed',
  },
  {
    id: 'std',
    label: 'spread of activation',
    meaning: 'Standard deviation of the layer’s output; 0 means that it ignores its input.',
    signal: 'activation',
    column: 'std',
    kind: 'log',
  },
  {
    id: 'rank',
    label: 'effective rank',
    meaning:
      'In how many directions the layer’s units vary over the samples: (tr C)² / ‖C‖² of their covariance C. Near 1, all units say the same.',
    signal: 'activation',
    column: 'participation_ratio',
    kind: 'log',
    lowIsBad: true,
  },
  {
    id: 'gradient',
    label: 'gradient norm',
    meaning: 'Length of the gradient of the loss at the layer’s output.',
    signal: 'gradient',
    column: 'norm',
    kind: 'log',
  },
  {
    id: 'weight-gradient',
    label: 'gradient norm of weights',
    meaning: 'Length of the gradient of the loss at each weight tensor.',
    signal: 'weight_gradient',
    column: 'norm',
    kind: 'log',
  },
  {
    id: 'update',
    label: 'update ratio',
    meaning: 'Length of one optimiser step over the length of the weights. Around 0.001 is common.',
    signal: 'weight',
    column: 'update_ratio',
    kind: 'log',
    domain: [1e-6, 1],
  },
];

export function metricOf(id: string): Metric {
  return METRICS.find((one) => one.id === id) ?? METRICS[0]!;
}

/** A value's place in its colour scale, 0 … 1; NaN for no value. */
export interface Scale {
  low: number;
  high: number;
  map: ColourMapName;
  toFraction(value: number): number;
}

export function scaleOf(metric: Metric, values: ArrayLike<number>): Scale {
  const [low, high] = metric.domain ?? domainOf(metric.kind, values);
  if (metric.kind === 'log') {
    const span = Math.log(high / low) || 1;
    return { low, high, map: 'viridis', toFraction: (value) => (value <= 0 ? 0 : Math.log(value / low) / span) };
  }
  if (metric.kind === 'signed') return signedScale(high, values);
  return { low, high, map: 'viridis', toFraction: (value) => (value - low) / (high - low || 1) };
}

/** Symmetric about 0; linear up to the usual magnitude and logarithmic beyond, so that one explosion hides nothing. */
function signedScale(high: number, values: ArrayLike<number>): Scale {
  const sizes = Array.from(values, Math.abs)
    .filter((value) => value > 0 && Number.isFinite(value))
    .sort((a, b) => a - b);
  const usual = sizes[sizes.length >> 1] ?? 1;
  const most = Math.asinh(high / usual);
  return { low: -high, high, map: 'rdbu', toFraction: (value) => 0.5 + 0.5 * (Math.asinh(value / usual) / most) };
}

function domainOf(kind: Metric['kind'], values: ArrayLike<number>): [number, number] {
  const finite = Array.from(values).filter((value) => Number.isFinite(value) && (kind !== 'log' || value > 0));
  if (finite.length === 0) return kind === 'signed' ? [-1, 1] : [1e-6, 1];
  finite.sort((a, b) => a - b);
  if (kind === 'signed') {
    const most = Math.max(Math.abs(finite[0]!), Math.abs(finite.at(-1)!)) || 1;
    return [-most, most];
  }
  const high = finite.at(-1)!;
  return [Math.max(finite[0]!, high * 1e-12), high];
}

/** What the strips draw: the highest value in each column, so that no spike disappears; means where signed. */
export function stripValues(metric: Metric, series: Series): Float32Array {
  return metric.kind === 'signed' ? series.mean : series.high;
}

/** Column of the value shown at `step`: the nearest logged one at or before it that holds a number. */
export function columnAt(series: Series, row: number, step: number): number {
  let found = -1;
  for (let column = 0; column < series.firstSteps.length; column++) {
    if (series.firstSteps[column]! > step && found >= 0) break;
    if (!Number.isNaN(series.mean[row * series.firstSteps.length + column]!)) found = column;
    if (series.firstSteps[column]! > step) break;
  }
  return found;
}

/** One row's value at `step`; NaN where it has none. */
export function valueAt(metric: Metric, series: Series, row: number, step: number): number {
  const column = columnAt(series, row, step);
  return column < 0 ? NaN : stripValues(metric, series)[row * series.firstSteps.length + column]!;
}
