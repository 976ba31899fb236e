// SPDX-License-Identifier: Apache-2.0
// A layer's units: which are dead at the step shown, and when each of them died.
import { useSignal } from '@preact/signals';
import { useCallback, useMemo } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawDeaths } from '../../draw/deaths';
import { drawStrip, stripEnd } from '../../draw/strip';
import type { Theme } from '../../draw/theme';
import { drawUnitMap, unitAt, unitsPerRow } from '../../draw/unit_map';
import { gradient } from '../../model/color';
import { ALIVE, byDeath, deadCounts, deathColumns, deathSentence, deathWords } from '../../model/deaths';
import { formatValue } from '../../model/format';
import { formatStep, nearestIndex, stepScale } from '../../model/steps';
import { stepA, stepB, stepSpacing } from '../../state/selection';
import { at, run, step, units } from '../../state/store';
import { Async, Shown } from '../../ui/async';
import { Picture } from '../../ui/picture';
import type { Units } from '../../wire/api';

const CELL = 14;

/** `width` of the map in pixels: how many squares stand side by side. */
export function LayerUnits({ name, width = 432 }: { name: string; width?: number }) {
  return (
    <section>
      <h3 title="A unit is dead if it is active for no sample of the batch.">Units</h3>
      <Async resource={units(run.value, name)} what={`Units of ${name}`} height={160}>
        {(found) =>
          found && found.units > 0 && found.firstSteps.length > 0 ? (
            <UnitPictures found={found} width={width} />
          ) : (
            <p class="soft">No counts of its units were logged.</p>
          )
        }
      </Async>
    </section>
  );
}

function UnitPictures({ found, width }: { found: Units; width: number }) {
  const shown = at(found.firstSteps) ?? 0;
  const column = Math.max(0, nearestIndex(found.firstSteps, shown));
  const columns = useMemo(() => deathColumns(found, column), [found, column]);
  const sentence = deathSentence(found, column, columns);
  return (
    <>
      <p>
        {sentence}.{' '}
        <span class="soft">
          ({found.source}, {found.numSamples[column] ?? 0} samples)
        </span>{' '}
        <Shown wanted={step.value} shown={shown} />
      </p>
      <UnitMap width={width} found={found} column={column} columns={columns} sentence={sentence} />
      <DeathLine found={found} column={column} columns={columns} />
      <UnitStrip found={found} shown={shown} columns={columns} />
    </>
  );
}

interface Props {
  found: Units;
  column: number;
  columns: Int32Array;
}

/** One square a unit; the one under the pointer is put in words below. */
function UnitMap({ found, column, columns, sentence, width }: Props & { sentence: string; width: number }) {
  const hover = useSignal(-1);
  const live = found.live.subarray(column * found.units, (column + 1) * found.units);
  const dead = deadUnits(live);
  const cell = found.units > 600 ? 6 : CELL;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawUnitMap(context, { live, cell }, surface, theme),
    [live.byteOffset, found, cell],
  );
  const point = (event: PointerEvent): void => {
    hover.value = unitAt(event.offsetX, event.offsetY, width, cell, found.units);
  };
  const unit = hover.value;
  return (
    <>
      <Picture
        width={width}
        height={Math.ceil(found.units / unitsPerRow(width, cell)) * cell}
        draw={draw}
        label={`${sentence}${dead.length ? `: units ${dead.slice(0, 20).join(', ')}${dead.length > 20 ? ' …' : ''}` : ''}.`}
        onPointerMove={point}
        onPointerLeave={() => {
          hover.value = -1;
        }}
      />
      <p class="legend unit-legend">
        {unit < 0 ? (
          <>
            <span class="dead-key" aria-hidden="true">
              ×
            </span>{' '}
            dead <span class="legend-bar" style={{ background: gradient('viridis') }} /> active in 0 – 100 % of samples
          </>
        ) : (
          <span class="readout">
            unit {unit}:{' '}
            {columns[unit] === ALIVE
              ? `active in ${formatValue('share', live[unit]!)} of samples`
              : deathWords(found, columns[unit]!)}
          </span>
        )}
      </p>
    </>
  );
}

/** How many are dead from each step on, of the units that are dead now: the stair of their deaths. */
function DeathLine({ found, column, columns }: Props) {
  const spacing = stepSpacing.value;
  const [a, b] = [stepA.value, stepB.value];
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawDeaths(
        context,
        {
          dead: deadCounts(columns, found.firstSteps.length),
          units: found.units,
          firstSteps: found.firstSteps,
          scale: stepScale(found.firstSteps[0]!, stripEnd(found.firstSteps), spacing),
          marks: [...(a === null ? [] : [{ step: a, name: 'A' }]), ...(b === null ? [] : [{ step: b, name: 'B' }])],
        },
        surface,
        theme,
      ),
    [found, columns, spacing, a, b],
  );
  if (columns.every((one) => one === ALIVE)) return null;
  return (
    <>
      <p class="soft small">deaths over the steps, of the units dead at step {formatStep(found.firstSteps[column]!)}</p>
      <Picture
        height={64}
        draw={draw}
        label={`Dead units over ${found.firstSteps.length} steps. ${deathSentence(found, column, columns)}.`}
      />
    </>
  );
}

/** One row a unit, those that died first at the top. */
function UnitStrip({ found, shown, columns }: { found: Units; shown: number; columns: Int32Array }) {
  const spacing = stepSpacing.value;
  const rowHeight = Math.max(1, Math.min(6, Math.floor(160 / found.units)));
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawStrip(
        context,
        {
          rows: unitRows(found, byDeath(columns)),
          firstSteps: found.firstSteps,
          map: 'viridis',
          marks: [{ step: shown }],
          rowHeight,
          scale: stepScale(found.firstSteps[0]!, stripEnd(found.firstSteps), spacing),
        },
        surface,
        theme,
      ),
    [found, shown, rowHeight, spacing, columns],
  );
  return (
    <>
      <p class="soft small">
        activity over steps {formatStep(found.firstSteps[0]!)} – {formatStep(found.lastSteps.at(-1)!)}; one row a unit,
        the first to die at the top
      </p>
      <Picture
        height={Math.ceil(rowHeight * found.units)}
        draw={draw}
        label={`Units over ${found.firstSteps.length} steps; one row a unit, dark where it is never active.`}
      />
    </>
  );
}

/** Numbers of the units that no sample activates. */
export function deadUnits(live: ArrayLike<number>): number[] {
  return Array.from(live).flatMap((share, unit) => (share === 0 ? [unit] : []));
}

function unitRows(found: Units, order: readonly number[]): Float32Array[] {
  const steps = found.firstSteps.length;
  return order.map((unit) => Float32Array.from({ length: steps }, (_, i) => found.live[i * found.units + unit]!));
}
