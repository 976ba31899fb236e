// SPDX-License-Identifier: Apache-2.0
// One head in full: who attends to whom, and, where tokens are patches, the same on the picture.
import { useSignal } from '@preact/signals';
import { useCallback, useMemo } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawMatrix, matrixCell } from '../../draw/matrix';
import { drawOverlay, type Patches, patchRow } from '../../draw/overlay';
import type { Theme } from '../../draw/theme';
import { formatMass } from '../../model/format';
import { headMatrix, headScale, tokenName } from '../../model/heads';
import { percentile } from '../../model/maps/grid';
import { numberParam, opacity, peek, sample, scaleMode } from '../../state/selection';
import { sampleImage } from '../../ui/bitmaps';
import { HeatLegend, heatMapName } from '../../ui/heat_controls';
import { Picture } from '../../ui/picture';
import type { Probe } from '../../wire/schema_pb';
import type { Attention, Grid, Stamped } from '../../wire/wire';

/** Token whose row is picked out; -1: the first patch's, or the first token's. */
export const chosenQuery = numberParam<number>('query', -1);

const SIDE = 340;

export function AttentionHead({
  frames,
  frame,
  head,
  probe,
}: {
  frames: readonly Stamped<Attention>[];
  frame: Stamped<Attention>;
  head: number;
  probe: Probe | undefined;
}) {
  const { record } = frame;
  const n = Math.min(Math.max(0, sample.value), (record.shape[0] ?? 1) - 1);
  const grid = useMemo(() => headMatrix(record, n, head), [record, n, head]);
  const most = useMost(frames, grid, n, head);
  const patches = useMemo(() => patchesOf(probe, record.keys), [probe, record.keys]);
  const query = Math.min(grid.rows - 1, chosenQuery.value < 0 ? defaultQuery(grid, patches) : chosenQuery.value);
  const pooled = record.keys !== grid.columns || record.queries !== grid.rows;
  const name = (i: number): string =>
    pooled ? `tokens ${span(i, grid.columns, record.keys)}` : tokenName(i, probe?.tokens[n]?.tokens, patches);
  return (
    <>
      <div class="attention-pictures">
        <Matrix grid={grid} most={most} query={query} name={name} />
        {!pooled && probe?.images[n] && (
          <Overlay grid={grid} most={most} query={query} patches={patches} probe={probe} n={n} name={name} />
        )}
      </div>
      <p class="soft">
        {patches.rows > 0 &&
          !probe?.patchRows &&
          `The keys are taken for a grid of ${patches.rows}×${patches.columns} patches. `}
        {pooled && `Stored pooled: ${grid.rows}×${grid.columns} of ${record.queries}×${record.keys}. `}
        Rows ask, columns answer; every row sums to 1. Choose the row that asks by clicking.
      </p>
      <Answers grid={grid} query={query} name={name} />
    </>
  );
}

/** The grid that the recorder names; else, for pictures, a square of the keys with at most one token before it. */
export function patchesOf(probe: Probe | undefined, keys: number): Patches {
  if (probe && probe.patchRows * probe.patchColumns > 0)
    return { rows: probe.patchRows, columns: probe.patchColumns, prefix: probe.prefixTokens };
  const prefix = [0, 1].find((one) => keys - one > 1 && Number.isInteger(Math.sqrt(keys - one)));
  if (!probe?.images.length || prefix === undefined) return { rows: 0, columns: 0, prefix: 0 };
  const side = Math.sqrt(keys - prefix);
  return { rows: side, columns: side, prefix };
}

/** The middle patch says more than a corner; without patches it is the first token. */
function defaultQuery(grid: Grid, { rows, columns, prefix }: Patches): number {
  const centre = prefix + Math.floor(rows / 2) * columns + Math.floor(columns / 2);
  return rows * columns > 0 && centre < grid.rows ? centre : 0;
}

/** Which tokens, counted from 1, a pooled row or column holds. */
export function span(i: number, stored: number, all: number): string {
  const [first, last] = [Math.floor((i * all) / stored) + 1, Math.floor(((i + 1) * all) / stored)];
  return first >= last ? String(first) : `${first}–${last}`;
}

/** One scale for all steps, as in Explanations, so that a sharp step does not look like an even one. */
function useMost(frames: readonly Stamped<Attention>[], grid: Grid, n: number, head: number): number {
  const perImage = scaleMode.value === 'image';
  const fixed = useMemo(() => headScale(frames, n, head), [frames, n, head]);
  const own = useMemo(() => percentile([grid], 0.99), [grid]);
  return perImage ? own : fixed;
}

const unit = (): string => (scaleMode.value === 'image' ? 'p99 of this matrix (shape only)' : 'p99 over all steps');

interface PartProps {
  grid: Grid;
  query: number;
  name: (i: number) => string;
}

function Matrix({ grid, most, query, name }: PartProps & { most: number }) {
  const hover = useSignal<{ row: number; column: number } | null>(null);
  const map = heatMapName(false);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawMatrix(context, { grid, most, map, query }, surface, theme),
    [grid, most, map, query],
  );
  const find = (event: MouseEvent): { row: number; column: number } | null =>
    matrixCell(event.offsetX, event.offsetY, SIDE, SIDE, grid.rows, grid.columns) ?? null;
  const cell = hover.value;
  return (
    <figure>
      <Picture
        class="pick"
        width={SIDE}
        height={SIDE}
        draw={draw}
        label={`Attention of ${grid.rows} queries to ${grid.columns} keys. ${name(query)} attends most to ${name(strongest(grid, query)[0] ?? 0)}.`}
        onPointerMove={(event) => {
          hover.value = find(event);
        }}
        onPointerLeave={() => {
          hover.value = null;
        }}
        onClick={(event) => {
          chosenQuery.value = find(event)?.row ?? query;
        }}
      />
      <figcaption>
        <HeatLegend map={map} signed={false} most={formatMass(most)} unit={unit()} heat={grid} />
        <span class="readout">
          {cell
            ? `${name(cell.row)} → ${name(cell.column)}: ${formatMass(grid.values[cell.row * grid.columns + cell.column]!)}`
            : 'point at a cell to read it'}
        </span>
      </figcaption>
    </figure>
  );
}

function Overlay({
  grid,
  most,
  query,
  patches,
  probe,
  n,
  name,
}: PartProps & { most: number; patches: Patches; probe: Probe; n: number }) {
  const image = sampleImage(probe, n);
  const heat = useMemo(() => patchRow(grid, query, patches), [grid, query, patches]);
  const [map, strength, hidden] = [heatMapName(false), opacity.value, peek.value];
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawOverlay(
        context,
        {
          image,
          heat: hidden ? null : heat,
          patches,
          query,
          style: { most, map, signed: false, opacity: strength, smooth: false, contour: false },
        },
        surface,
        theme,
      ),
    [image, heat, most, map, strength, hidden, query, patches],
  );
  if (!heat) return null;
  const choose = (event: MouseEvent): void => {
    const cell = matrixCell(event.offsetX, event.offsetY, SIDE, SIDE, patches.rows, patches.columns);
    if (cell) chosenQuery.value = patches.prefix + cell.row * patches.columns + cell.column;
  };
  return (
    <figure>
      <Picture
        class="pick"
        width={SIDE}
        height={SIDE}
        draw={draw}
        onClick={choose}
        label={`What ${name(query)} attends to, on the picture. Most: ${strongest(grid, query).slice(0, 3).map(name).join('; ')}.`}
      />
      <figcaption>
        <HeatLegend map={map} signed={false} most={formatMass(most)} unit={unit()} heat={heat} />
        <span>
          {name(query)} asks
          {patches.prefix > 0 && query >= patches.prefix && (
            <>
              {' '}
              ·{' '}
              <button
                type="button"
                class="link"
                onClick={() => {
                  chosenQuery.value = 0;
                }}
              >
                let the class token ask
              </button>
            </>
          )}
        </span>
      </figcaption>
    </figure>
  );
}

/** Keys of one query, strongest first. */
export function strongest(grid: Grid, query: number): number[] {
  const row = grid.values.subarray(query * grid.columns, (query + 1) * grid.columns);
  return Array.from(row.keys())
    .filter((i) => Number.isFinite(row[i]!))
    .sort((a, b) => row[b]! - row[a]!);
}

/** The row in numbers: who asks (by keyboard too), and the five strongest answers. */
function Answers({ grid, query, name }: PartProps) {
  const row = grid.values.subarray(query * grid.columns, (query + 1) * grid.columns);
  return (
    <div class="answers">
      <label class="choice">
        <span>asking token</span>
        <input
          type="number"
          min="1"
          max={grid.rows}
          value={query + 1}
          onInput={(event) => {
            const wanted = Number(event.currentTarget.value) - 1;
            if (wanted >= 0 && wanted < grid.rows) chosenQuery.value = wanted;
          }}
        />
      </label>
      <table>
        <caption class="unseen">Keys with the most attention of {name(query)}</caption>
        <tbody>
          {strongest(grid, query)
            .slice(0, 5)
            .map((i) => (
              <tr key={i}>
                <td>{name(i)}</td>
                <td>{formatMass(row[i]!)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
