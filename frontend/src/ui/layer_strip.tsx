// SPDX-License-Identifier: Apache-2.0
// The Overview's picture: one statistic of every layer over training, marked where rules fire.
import { useSignal } from '@preact/signals';
import { useCallback, useMemo } from 'preact/hooks';
import type { Surface } from '../draw/canvas';
import { drawFires, type Fire, fireAt } from '../draw/fires';
import { columnEdges, drawStrip } from '../draw/strip';
import type { Theme } from '../draw/theme';
import { keyOf, MARK, measured, readingOrder, severityOf, titleOf, whenOf } from '../model/findings';
import { formatValue } from '../model/format';
import { type Metric, scaleWord, stripValues, valueAt } from '../model/metrics';
import { formatStep } from '../model/steps';
import { board, findingOf, layerOf, openFinding, openLayer, ruled } from '../state/drawer';
import { stepSpacing } from '../state/selection';
import { at, layerTable, run } from '../state/store';
import type { Series } from '../wire/api';
import type { Finding, Parameter } from '../wire/schema_pb';
import { Picture } from './picture';
import { Legend, sourceNote, stripModel, type StripModel } from './strips';

interface Hover {
  row: number;
  column: number;
  fire: string;
}

export function LayerStrip({ metric, series: found }: { metric: Metric; series: Series }) {
  const hover = useSignal<Hover | null>(null);
  const spacing = stepSpacing.value;
  const model = useMemo(() => stripModel(metric, found, spacing), [metric, found, spacing]);
  const rowHeight = Math.round(Math.min(28, Math.max(15, 340 / model.names.length)));
  const shown = at(model.firstSteps) ?? 0;
  const fires = useFires(model);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
      drawStrip(
        context,
        {
          rows: model.rows,
          firstSteps: model.firstSteps,
          scale: model.steps,
          map: model.scale.map,
          marks: [{ step: shown }],
          rowHeight,
        },
        surface,
        theme,
      );
      drawFires(context, { fires, scale: model.steps, rowHeight }, surface, theme);
    },
    [model, shown, rowHeight, fires],
  );
  const find = (event: MouseEvent): Hover => ({
    ...cellAt(event, model, rowHeight),
    fire: fireUnder(event, fires, model, rowHeight),
  });
  return (
    <>
      <div class="strip-grid" style={{ '--row': `${rowHeight}px` }}>
        <div class="strip-names">
          {model.names.map((name) => (
            <button key={name} type="button" class="strip-name" title={`Open ${name}`} onClick={() => openLayer(name)}>
              {name}
            </button>
          ))}
        </div>
        <Picture
          class="strip"
          height={rowHeight * model.names.length}
          draw={draw}
          label={`${stripLabel(metric, found, shown)}${firesLabel(fires)}`}
          onPointerMove={(event) => {
            hover.value = find(event);
          }}
          onPointerLeave={() => {
            hover.value = null;
          }}
          onClick={(event) => openAt(find(event), model)}
        />
        <div class="strip-now">
          {model.names.map((name, row) => (
            <span key={name}>{formatValue(scaleWord(metric), valueAt(metric, found, row, shown))}</span>
          ))}
        </div>
      </div>
      <div class="strip-foot soft">
        <span>
          step {formatStep(model.firstSteps[0]!)} – {formatStep(model.lastSteps.at(-1)!)}
        </span>
        <Legend metric={metric} scale={model.scale} />
        <span>{sourceNote(found)}</span>
        <span class="spring" />
        <span class="readout">
          {hover.value ? (fireWords(hover.value.fire) ?? readout(metric, found, hover.value)) : hint(fires)}
        </span>
      </div>
    </>
  );
}

/** A click on a mark opens the finding, elsewhere the layer at that step. */
function openAt({ row, column, fire }: Hover, model: StripModel): void {
  const finding = fire ? findingOf(fire) : undefined;
  if (finding) openFinding(finding);
  else openLayer(model.names[row]!, model.firstSteps[column]!);
}

/** The findings that are not muted, where they begin: on the row of their parameter or else of their layer. */
export function useFires(model: StripModel): Fire[] {
  const list = board.value;
  const parameters = layerTable(run.value).loaded.value.value?.record.parameters;
  return useMemo(() => firesOf(readingOrder(list), model.names, parameters ?? []), [list, model, parameters]);
}

/** Marks for a strip with rows of these names; findings of other rows and of the whole network have none. */
export function firesOf(
  findings: readonly Finding[],
  names: readonly string[],
  parameters: readonly Pick<Parameter, 'name' | 'layer'>[],
): Fire[] {
  const layers = names.map((name) => layerOf(name, parameters));
  return findings.flatMap((one) => {
    const exact = names.indexOf(one.layer);
    const row = exact >= 0 ? exact : layers.indexOf(layerOf(one.layer, parameters));
    return one.layer && row >= 0 ? [{ key: keyOf(one), row, step: one.firstStep, severity: severityOf(one) }] : [];
  });
}

function fireUnder(event: MouseEvent, fires: readonly Fire[], model: StripModel, rowHeight: number): string {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  return (
    fireAt({ fires, scale: model.steps, rowHeight }, box.width, event.clientX - box.left, event.clientY - box.top)
      ?.key ?? ''
  );
}

/** The readout over a mark: what fired there; undefined where there is none. */
function fireWords(key: string): string | undefined {
  const finding = key ? findingOf(key) : undefined;
  if (!finding) return undefined;
  return [
    `${MARK[severityOf(finding)]} ${titleOf(finding)} ${whenOf(finding, ruled.peek()?.record.step ?? 0)}`,
    measured(finding),
  ]
    .filter(Boolean)
    .join(' · ');
}

function hint(fires: readonly Fire[]): string {
  return fires.length
    ? 'marks: a rule fires · click a mark or a cell to open it'
    : 'point at a cell to read it; click to open the layer there';
}

function firesLabel(fires: readonly Fire[]): string {
  const names = fires.slice(0, 5).map((one) => `${titleOf(findingOf(one.key)!)} (step ${one.step})`);
  return names.length ? ` Marked: ${names.join(', ')}${fires.length > 5 ? ` and ${fires.length - 5} more` : ''}.` : '';
}

function cellAt(event: MouseEvent, model: StripModel, rowHeight: number): Pick<Hover, 'row' | 'column'> {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const edges = columnEdges({ firstSteps: model.firstSteps, scale: model.steps }, box.width);
  const column = edges.findLastIndex((edge) => edge <= event.clientX - box.left);
  const row = Math.floor((event.clientY - box.top) / rowHeight);
  const within = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));
  return { row: within(row, model.names.length), column: within(column, model.firstSteps.length) };
}

/** One cell in words: mean, and the extremes where steps were merged. */
export function readout(metric: Metric, found: Series, { row, column }: Pick<Hover, 'row' | 'column'>): string {
  const cell = row * found.firstSteps.length + column;
  const [first, last] = [found.firstSteps[column]!, found.lastSteps[column]!];
  const format = (value: number): string => formatValue(scaleWord(metric), value);
  const range = first === last ? '' : ` (from ${format(found.low[cell]!)} to ${format(found.high[cell]!)})`;
  return `${found.names[row]} · step ${formatStep(first)}${first === last ? '' : `–${formatStep(last)}`} · ${metric.title} ${format(found.mean[cell]!)}${range}`;
}

function stripLabel(metric: Metric, found: Series, shown: number): string {
  const values = found.names
    .map((name, row) => ({ name, value: valueAt(metric, found, row, shown) }))
    .filter((one) => Number.isFinite(one.value));
  values.sort((a, b) => b.value - a.value);
  const top = values
    .slice(0, 3)
    .map((one) => `${one.name} ${formatValue(scaleWord(metric), one.value)}`)
    .join(', ');
  return `${metric.title} of ${found.names.length} layers over ${stripValues(metric, found).length / found.names.length} steps. Highest at step ${shown}: ${top || 'none'}.`;
}
