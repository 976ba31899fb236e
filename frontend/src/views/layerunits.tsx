// SPDX-License-Identifier: Apache-2.0
// A layer's units: which are dead now, and since when.
import { useCallback } from 'preact/hooks';
import type { Units } from '../api';
import { gradient } from '../color';
import type { Surface } from '../draw/canvas';
import { drawStrip, stripEnd } from '../draw/strip';
import type { Theme } from '../draw/theme';
import { drawUnitMap, unitsPerRow } from '../draw/unitmap';
import { stepSpacing } from '../selection';
import { at, run, step, units } from '../store';
import { formatStep, nearestIndex, stepScale } from '../steps';
import { Async, Picture, Shown } from './parts';

const CELL = 14;
const WIDTH = 432;

export function LayerUnits({ name }: { name: string }) {
  return (
    <section>
      <h3 title="A unit is dead if it is active for no sample of the batch.">Units</h3>
      <Async resource={units(run.value, name)} what={`Units of ${name}`} height={160}>
        {(found) => (found && found.units > 0 && found.firstSteps.length > 0 ? <UnitPictures found={found} /> : <p class="soft">No counts of its units were logged.</p>)}
      </Async>
    </section>
  );
}

function UnitPictures({ found }: { found: Units }) {
  const shown = at(found.firstSteps) ?? 0;
  const column = Math.max(0, nearestIndex(found.firstSteps, shown));
  const live = found.live.subarray(column * found.units, (column + 1) * found.units);
  const dead = deadUnits(live);
  const cell = found.units > 600 ? 6 : CELL;
  const drawMap = useCallback((context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => drawUnitMap(context, { live, cell }, surface, theme), [live.byteOffset, found, cell]);
  const spacing = stepSpacing.value;
  const rowHeight = Math.max(1, Math.min(6, 160 / found.units));
  const drawOver = useCallback((context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => drawStrip(context, {
    rows: unitRows(found), firstSteps: found.firstSteps, map: 'viridis', marks: [{ step: shown }], rowHeight,
    scale: stepScale(found.firstSteps[0]!, stripEnd(found.firstSteps), spacing),
  }, surface, theme), [found, shown, rowHeight, spacing]);
  const sentence = `${dead.length} of ${found.units} units dead at step ${formatStep(shown)}`;
  return (
    <>
      <p>{sentence} <span class="soft">({found.source}, {found.numSamples[column] ?? 0} samples)</span> <Shown wanted={step.value} shown={shown} /></p>
      <Picture width={WIDTH} height={Math.ceil(found.units / unitsPerRow(WIDTH, cell)) * cell} draw={drawMap} label={`${sentence}${dead.length ? `: units ${dead.slice(0, 20).join(', ')}${dead.length > 20 ? ' …' : ''}` : ''}.`} />
      <p class="legend"><span class="dead-key" aria-hidden="true">×</span> dead <span class="legend-bar" style={{ background: gradient('viridis') }} /> active in 0 – 100 % of samples</p>
      <Picture height={Math.ceil(rowHeight * found.units)} draw={drawOver} label={`Units over ${found.firstSteps.length} steps; one row a unit, dark where it is never active.`} />
      <p class="soft small">units over steps {formatStep(found.firstSteps[0]!)} – {formatStep(found.lastSteps.at(-1)!)}; one row a unit</p>
    </>
  );
}

/** Numbers of the units that no sample activates. */
export function deadUnits(live: ArrayLike<number>): number[] {
  return Array.from(live).flatMap((share, unit) => (share === 0 ? [unit] : []));
}

function unitRows(found: Units): Float32Array[] {
  const steps = found.firstSteps.length;
  return Array.from({ length: found.units }, (_, unit) => Float32Array.from({ length: steps }, (_, i) => found.live[i * found.units + unit]!));
}
