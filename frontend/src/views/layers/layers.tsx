// SPDX-License-Identifier: Apache-2.0
// Every layer's strip with its value now: which one is dead, exploding, saturated?
import { useSignal } from '@preact/signals';
import { useCallback, useMemo } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawFires, type Fire } from '../../draw/fires';
import { drawStrip } from '../../draw/strip';
import type { Theme } from '../../draw/theme';
import { formatValue } from '../../model/format';
import { type Metric, scaleWord, valueAt } from '../../model/metrics';
import { chosenColumn } from '../../state/descriptions';
import { layerOf, openLayer } from '../../state/drawer';
import { drawerLayer, filterText, sortLayers, stepSpacing } from '../../state/selection';
import { at, layerTable, run } from '../../state/store';
import { Empty } from '../../ui/async';
import { useFires } from '../../ui/layer_strip';
import { Picture } from '../../ui/picture';
import { StripPanel, Undescribed } from '../../ui/strip_panel';
import { Legend, MetricPicker, sourceNote, stripModel, type StripModel } from '../../ui/strips';
import { addStyle } from '../../ui/styles/styles';
import { TableToggle } from '../../ui/table_toggle';
import type { Series } from '../../wire/api';
import css from './layers.css?inline';

addStyle(css);

const ROW = 22;

export function Layers() {
  const metric = chosenColumn.value;
  const asTable = useSignal(false);
  if (!metric) return <Undescribed />;
  return (
    <section aria-labelledby="layers-title">
      <div class="card-head">
        <h1 id="layers-title">Layers</h1>
        <MetricPicker />
        <label class="picker">
          <span class="soft">sort</span>{' '}
          <select
            value={sortLayers.value}
            onChange={(event) => {
              sortLayers.value = event.currentTarget.value as 'model' | 'worst';
            }}
          >
            <option value="model">as in the model</option>
            <option value="worst">
              {scaleWord(metric) === 'share' || !metric.low_is_bad ? 'highest first' : 'lowest first'}
            </option>
          </select>
        </label>
        <label class="picker">
          <span class="unseen">Filter by name</span>
          <input
            type="search"
            placeholder="filter by name"
            value={filterText.value}
            onInput={(event) => {
              filterText.value = event.currentTarget.value;
            }}
          />
        </label>
        <span class="spring" />
        <TableToggle on={asTable} />
      </div>
      <p class="soft">{metric.meaning}</p>
      <StripPanel metric={metric} asTable={asTable.value} height={320}>
        {(found) => <LayerRows metric={metric} found={found} />}
      </StripPanel>
    </section>
  );
}

/** Row numbers in the chosen order that match the filter; worst first is highest first unless low values are the bad ones. */
export function orderRows(
  names: readonly string[],
  values: ArrayLike<number>,
  sort: 'model' | 'worst',
  filter: string,
  lowIsBad = false,
): number[] {
  const wanted = filter.trim().toLowerCase();
  const rows = names.flatMap((name, i) => (name.toLowerCase().includes(wanted) ? [i] : []));
  if (sort === 'model') return rows;
  const size = (i: number): number => (Number.isNaN(values[i]!) ? -1 : Math.abs(values[i]!));
  return rows.sort((a, b) =>
    lowIsBad && !Number.isNaN(values[a]!) && !Number.isNaN(values[b]!) ? size(a) - size(b) : size(b) - size(a),
  );
}

function LayerRows({ metric, found }: { metric: Metric; found: Series }) {
  const spacing = stepSpacing.value;
  const model = useMemo(() => stripModel(metric, found, spacing), [metric, found, spacing]);
  const shown = at(found.firstSteps) ?? 0;
  const values = found.names.map((_, row) => valueAt(metric, found, row, shown));
  const rows = orderRows(found.names, values, sortLayers.value, filterText.value, metric.low_is_bad);
  const fires = useFires(model);
  const table = layerTable(run.value).loaded.value.value?.record;
  return (
    <>
      <div class="strip-foot soft">
        <Legend metric={metric} scale={model.scale} />
        <span>{sourceNote(found)}</span>
        <span>
          {rows.length} of {found.names.length} rows
        </span>
      </div>
      {rows.length === 0 && <Empty title={`No layer’s name contains “${filterText.value}”.`} />}
      <div class="layer-rows">
        {rows.map((row) => {
          const name = found.names[row]!;
          const kind = table?.layers.find((one) => one.name === name);
          return (
            <LayerRow
              key={name}
              name={name}
              type={kind?.type ?? ''}
              calls={kind?.calls ?? 1}
              model={model}
              row={row}
              shown={shown}
              fires={fires}
              value={formatValue(scaleWord(metric), values[row]!)}
              label={metric.title}
              open={drawerLayer.value === layerOf(name, table?.parameters ?? [])}
            />
          );
        })}
      </div>
      {table && table.neverExecuted.length > 0 && (
        <p class="soft">Never executed by the forward pass: {table.neverExecuted.join(', ')}.</p>
      )}
    </>
  );
}

interface RowProps {
  name: string;
  type: string;
  calls: number;
  model: StripModel;
  row: number;
  shown: number;
  fires: readonly Fire[];
  value: string;
  label: string;
  open: boolean;
}

function LayerRow({ name, type, calls, model, row, shown, fires, value, label, open }: RowProps) {
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
      drawStrip(
        context,
        {
          rows: [model.rows[row]!],
          firstSteps: model.firstSteps,
          scale: model.steps,
          map: model.scale.map,
          marks: [{ step: shown }],
          rowHeight: ROW - 4,
        },
        surface,
        theme,
      );
      drawFires(
        context,
        {
          fires: fires.flatMap((one) => (one.row === row ? [{ ...one, row: 0 }] : [])),
          scale: model.steps,
          rowHeight: ROW - 4,
        },
        surface,
        theme,
      );
    },
    [model, row, shown, fires],
  );
  return (
    <div class={`layer-row${open ? ' open' : ''}`}>
      <button type="button" class="strip-name" aria-label={`Open ${name}`} onClick={() => openLayer(name)}>
        {name}
      </button>
      <span
        class="soft layer-type"
        title={calls > 1 ? `One forward pass runs this layer ${calls} times; the last call is shown.` : undefined}
      >
        {type}
        {calls > 1 && ` ×${calls}`}
      </span>
      <Picture
        height={ROW - 4}
        draw={draw}
        label={`${label} of ${name} over the steps; ${value} at step ${shown}`}
        onClick={() => openLayer(name)}
      />
      <span class="layer-value">{value}</span>
    </div>
  );
}
