// SPDX-License-Identifier: Apache-2.0
// The landing view: is training healthy, and where should one look? A sentence, the strip, one film.
import { useSignal } from '@preact/signals';
import { useCallback, useMemo } from 'preact/hooks';
import type { Series } from '../api';
import type { Surface } from '../draw/canvas';
import { columnEdges, drawStrip } from '../draw/strip';
import type { Theme } from '../draw/theme';
import { findingRemarks, healthOf, type Remark } from '../health';
import { formatValue, metricOf, stripValues, valueAt, type Metric } from '../metrics';
import { drawerLayer, metric as chosenMetric, stepSpacing } from '../selection';
import { at, findings, layerTable, run, series } from '../store';
import { formatStep } from '../steps';
import { addStyle } from '../styles';
import css from '../styles/overview.css?inline';
import { goTo } from '../clock';
import { MiniFilm } from './minifilm';
import { Async, Empty, Missing, Picture, Skeleton } from './parts';
import { Recorder } from './recorder';
import { layerOfRow, Legend, MetricPicker, sourceNote, stripModel, StripTable, type StripModel } from './strips';

addStyle(css);

/** Open a layer's drawer at a step. */
export function openLayer(name: string, atStep?: number): void {
  const parameters = layerTable(run.value).loaded.peek().value?.record.parameters ?? [];
  drawerLayer.value = layerOfRow(name, parameters);
  if (atStep !== undefined) goTo(atStep);
}

export function Overview() {
  return (
    <div class="overview">
      <div class="overview-main">
        <Sentence />
        <StripCard />
      </div>
      <aside class="overview-side" aria-label="Explanations and recorder">
        <MiniFilm />
        <Recorder />
      </aside>
    </div>
  );
}

function useRemarks(): { sentence: string; remarks: Remark[] } | undefined {
  const of = run.value;
  const loaded = [
    series(of, 'activation', 'dead_fraction'), series(of, 'gradient', 'norm'),
    series(of, 'activation', 'nonfinite_count'), series(of, 'gradient', 'nonfinite_count'),
  ].map((one) => one.loaded.value);
  const found = findings(of).loaded.value;
  const [dead, gradients, nonFiniteActivations, nonFiniteGradients] = loaded.map((one) => one.value);
  const waiting = [...loaded, found].some((one) => one.state === 'loading' && one.value === undefined);
  return useMemo(() => {
    if (waiting) return undefined;
    const health = healthOf({ dead, gradients, nonFiniteActivations, nonFiniteGradients });
    const ruled = findingRemarks(found.value?.record.findings ?? []);
    return ruled.length ? { sentence: ruled[0]!.message, remarks: ruled } : health;
  }, [waiting, dead, gradients, nonFiniteActivations, nonFiniteGradients, found.value]);
}

const MARK = { error: '■', warning: '▲', info: '●' };

function Sentence() {
  const health = useRemarks();
  if (!health) return <Skeleton height={64} />;
  const worst = health.remarks[0]?.severity;
  const shown = health.remarks.length > 1 || health.remarks[0]?.message !== health.sentence ? health.remarks : [];
  return (
    <section aria-label="Findings">
      <h1 class={`sentence ${worst ?? 'fine'}`}><span aria-hidden="true">{worst ? MARK[worst] : '✓'} </span>{health.sentence}</h1>
      {health.remarks[0] && shown.length === 0 && <RemarkLine remark={health.remarks[0]} short />}
      <ul class="remarks">{shown.map((one) => <li key={one.message}><RemarkLine remark={one} /></li>)}</ul>
    </section>
  );
}

function RemarkLine({ remark, short = false }: { remark: Remark; short?: boolean }) {
  return (
    <div class={`remark ${remark.severity}`}>
      {!short && <span class="remark-mark" aria-label={remark.severity} role="img">{MARK[remark.severity]}</span>}
      <span>{!short && <span>{remark.message}. </span>}<span class="soft">{remark.advice}</span></span>
      {remark.layer && <button type="button" onClick={() => openLayer(remark.layer, remark.step)}>Open<span class="unseen"> {remark.layer}</span></button>}
    </div>
  );
}

function StripCard() {
  const metric = metricOf(chosenMetric.value);
  const asTable = useSignal(false);
  const loaded = series(run.value, metric.signal, metric.column);
  return (
    <section aria-labelledby="strip-title">
      <div class="card-head">
        <h2 id="strip-title" title={metric.meaning}>Layers over training</h2>
        <MetricPicker />
        <span class="spring" />
        <button type="button" class="toggle" aria-pressed={asTable.value} onClick={() => { asTable.value = !asTable.value; }}>View as table</button>
      </div>
      <Async resource={loaded} what={metric.label} height={200}>
        {(found) => {
          if (!found) return <Missing signal={metric.signal === 'activation' ? 'activations' : metric.signal.startsWith('weight') ? 'weights' : 'gradients'} />;
          if (found.firstSteps.length === 0) return <Empty title={`No ${metric.label} yet.`} />;
          return asTable.value ? <StripTable metric={metric} series={found} /> : <Strip metric={metric} series={found} />;
        }}
      </Async>
    </section>
  );
}

interface Hover { row: number; column: number }

function Strip({ metric, series: found }: { metric: Metric; series: Series }) {
  const hover = useSignal<Hover | null>(null);
  const spacing = stepSpacing.value;
  const model = useMemo(() => stripModel(metric, found, spacing), [metric, found, spacing]);
  const rowHeight = Math.round(Math.min(28, Math.max(15, 340 / model.names.length)));
  const shown = at(model.firstSteps) ?? 0;
  const draw = useCallback((context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => drawStrip(context, {
    rows: model.rows, firstSteps: model.firstSteps, scale: model.steps, map: model.scale.map, marks: [{ step: shown }], rowHeight,
  }, surface, theme), [model, shown, rowHeight]);
  const find = (event: MouseEvent): Hover => cellAt(event, model, rowHeight);
  return (
    <>
      <div class="strip-grid" style={{ '--row': `${rowHeight}px` }}>
        <div class="strip-names">{model.names.map((name) => <button key={name} type="button" class="strip-name" title={`Open ${name}`} onClick={() => openLayer(name)}>{name}</button>)}</div>
        <Picture class="strip" height={rowHeight * model.names.length} draw={draw} label={stripLabel(metric, found, shown)}
          onPointerMove={(event) => { hover.value = find(event); }} onPointerLeave={() => { hover.value = null; }}
          onClick={(event) => { const cell = find(event); openLayer(model.names[cell.row]!, model.firstSteps[cell.column]!); }} />
        <div class="strip-now">{model.names.map((name, row) => <span key={name}>{formatValue(metric.kind, valueAt(metric, found, row, shown))}</span>)}</div>
      </div>
      <div class="strip-foot soft">
        <span>step {formatStep(model.firstSteps[0]!)} – {formatStep(model.lastSteps.at(-1)!)}</span>
        <Legend metric={metric} scale={model.scale} />
        <span>{sourceNote(found)}</span>
        <span class="spring" />
        <span class="readout">{hover.value ? readout(metric, found, hover.value) : 'point at a cell to read it; click to open the layer there'}</span>
      </div>
    </>
  );
}

function cellAt(event: MouseEvent, model: StripModel, rowHeight: number): Hover {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const edges = columnEdges({ firstSteps: model.firstSteps, scale: model.steps }, box.width);
  const column = edges.findLastIndex((edge) => edge <= event.clientX - box.left);
  const row = Math.floor((event.clientY - box.top) / rowHeight);
  const within = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));
  return { row: within(row, model.names.length), column: within(column, model.firstSteps.length) };
}

/** One cell in words: mean, and the extremes where steps were merged. */
export function readout(metric: Metric, found: Series, { row, column }: Hover): string {
  const cell = row * found.firstSteps.length + column;
  const [first, last] = [found.firstSteps[column]!, found.lastSteps[column]!];
  const format = (value: number): string => formatValue(metric.kind, value);
  const range = first === last ? '' : ` (from ${format(found.low[cell]!)} to ${format(found.high[cell]!)})`;
  return `${found.names[row]} · step ${formatStep(first)}${first === last ? '' : `–${formatStep(last)}`} · ${metric.label} ${format(found.mean[cell]!)}${range}`;
}

function stripLabel(metric: Metric, found: Series, shown: number): string {
  const values = found.names.map((name, row) => ({ name, value: valueAt(metric, found, row, shown) })).filter((one) => Number.isFinite(one.value));
  values.sort((a, b) => b.value - a.value);
  const top = values.slice(0, 3).map((one) => `${one.name} ${formatValue(metric.kind, one.value)}`).join(', ');
  return `${metric.label} of ${found.names.length} layers over ${stripValues(metric, found).length / found.names.length} steps. Highest at step ${shown}: ${top || 'none'}.`;
}
