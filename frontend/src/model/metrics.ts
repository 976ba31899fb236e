// SPDX-License-Identifier: Apache-2.0
// The statistics that the layer strips can show, as the log describes them: colours, scale, the value at a step.
import type { ColumnDescription, Series } from '../wire/api';
import type { ColourMapName } from './color';
import { spaced, type ValueScale } from './format';

/** A statistic that strips offer: its column's description. */
export type Metric = ColumnDescription;

/** Those that strips offer, in the order given; without a title the name in words is one. */
export const offeredOf = (columns: readonly ColumnDescription[]): Metric[] =>
  columns.flatMap((one) => (one.key ? [{ ...one, title: one.title || spaced(one.name) }] : []));

/** The scale of a description; a word that this tab does not know is drawn as it is. */
export function scaleWord({ scale }: { scale: string }): ValueScale {
  return scale === 'share' || scale === 'log' || scale === 'signed' ? scale : 'linear';
}

/** A value's place in its colour scale, 0 … 1; NaN for no value. */
export interface Scale {
  low: number;
  high: number;
  map: ColourMapName;
  toFraction(value: number): number;
}

export function scaleOf(metric: Metric, values: ArrayLike<number>): Scale {
  const word = scaleWord(metric);
  const [low, high] = fixedEnds(metric) ?? domainOf(word, values);
  if (word === 'log') {
    const span = Math.log(high / low) || 1;
    return { low, high, map: 'viridis', toFraction: (value) => (value <= 0 ? 0 : Math.log(value / low) / span) };
  }
  if (word === 'signed') return signedScale(high, values);
  return { low, high, map: 'viridis', toFraction: (value) => (value - low) / (high - low || 1) };
}

/** The ends that a description gives; undefined where it gives none, or none that its scale could have. */
function fixedEnds(metric: Metric): [number, number] | undefined {
  const { low, high } = metric;
  return low < high && (scaleWord(metric) !== 'log' || low > 0) ? [low, high] : undefined;
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

function domainOf(kind: ValueScale, values: ArrayLike<number>): [number, number] {
  const finite = Array.from(values).filter((value) => Number.isFinite(value) && (kind !== 'log' || value > 0));
  if (finite.length === 0) return kind === 'signed' ? [-1, 1] : kind === 'log' ? [1e-6, 1] : [0, 1];
  finite.sort((a, b) => a - b);
  if (kind === 'signed') {
    const most = Math.max(Math.abs(finite[0]!), Math.abs(finite.at(-1)!)) || 1;
    return [-most, most];
  }
  const high = finite.at(-1)!;
  if (kind !== 'log') return [finite[0]!, high];
  return [Math.max(finite[0]!, high * 1e-12), high];
}

/** What the strips draw: the highest value in each column, so that no spike disappears; means where signed. */
export function stripValues(metric: Metric, series: Series): Float32Array {
  return scaleWord(metric) === 'signed' ? series.mean : series.high;
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
