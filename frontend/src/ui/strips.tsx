// SPDX-License-Identifier: Apache-2.0
// What the Overview and the Layers view share around a strip: picker, legend, its data for drawing.
import { stripEnd } from '../draw/strip';
import { gradient } from '../model/color';
import { formatValue } from '../model/format';
import { type Metric, type Scale, scaleOf, scaleWord, stripValues } from '../model/metrics';
import { formatStep, type ScaleKind, stepScale, type StepScale } from '../model/steps';
import { chosenColumn, metrics } from '../state/descriptions';
import { metric as chosenMetric } from '../state/selection';
import type { Series } from '../wire/api';
import { addStyle } from './styles/styles';
import css from './styles/strips.css?inline';

addStyle(css);

export function MetricPicker() {
  return (
    <label class="picker">
      <span class="soft">metric</span>{' '}
      <select
        value={chosenColumn.value?.key ?? ''}
        onChange={(event) => {
          chosenMetric.value = event.currentTarget.value;
        }}
      >
        {metrics.value.map((one) => (
          <option key={one.key} value={one.key} title={one.meaning}>
            {one.title}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Legend({ metric, scale }: { metric: Metric; scale: Scale }) {
  return (
    <span
      class="legend"
      title={`${metric.meaning}${scaleWord(metric) === 'log' ? ' Logarithmic scale.' : ''} Grey: no value.`}
    >
      {formatValue(scaleWord(metric), scale.low)}
      <span class="legend-bar" style={{ background: gradient(scale.map) }} />
      {formatValue(scaleWord(metric), scale.high)}
      {metric.unit && ` ${metric.unit}`}
      {scaleWord(metric) === 'log' ? ' (log)' : scaleWord(metric) === 'signed' ? ' (log beyond the usual size)' : ''}
    </span>
  );
}

/** What a number is of: source, samples, how many of the logged steps are shown. */
export function sourceNote(series: Series): string {
  const samples = medianOf(series.numSamples);
  const shown = series.firstSteps.length;
  const parts = [
    series.source && `${series.source}${samples ? `, ${samples} samples per step` : ''}`,
    shown === series.kept ? `all ${shown} logged steps` : `${series.kept} logged steps merged into ${shown} columns`,
  ];
  return parts.filter(Boolean).join(' · ');
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

export interface StripModel {
  names: string[];
  /** Fractions of the colour scale by row. */
  rows: Float32Array[];
  scale: Scale;
  steps: StepScale;
  firstSteps: number[];
  lastSteps: number[];
}

export function stripModel(metric: Metric, series: Series, spacing: ScaleKind): StripModel {
  const values = stripValues(metric, series);
  const scale = scaleOf(metric, values);
  const width = series.firstSteps.length;
  const fractions = values.map(scale.toFraction);
  return {
    names: series.names,
    scale,
    firstSteps: series.firstSteps,
    lastSteps: series.lastSteps,
    rows: series.names.map((_, i) => fractions.subarray(i * width, (i + 1) * width)),
    steps: stepScale(series.firstSteps[0] ?? 0, stripEnd(series.firstSteps), spacing),
  };
}

/** The recorder's name of the signal that a metric comes from. */
export function signalWord(metric: Metric): string {
  if (metric.signal === 'activation') return 'activations';
  return metric.signal === 'weight' ? 'weights' : 'gradients';
}

/** The numbers behind a strip, for people who do not use the picture. */
export function StripTable({ metric, series }: { metric: Metric; series: Series }) {
  const columns = pickColumns(series.firstSteps.length, 12);
  const width = series.firstSteps.length;
  const values = stripValues(metric, series);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${metric.title} as a table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            {columns.map((c) => (
              <th key={c} scope="col">
                {formatStep(series.firstSteps[c]!)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {series.names.map((name, row) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {columns.map((c) => (
                <td key={c}>{formatValue(scaleWord(metric), values[row * width + c]!)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** At most `most` column numbers, evenly spread, always the first and the last. */
export function pickColumns(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)));
}
