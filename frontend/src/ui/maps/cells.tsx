// SPDX-License-Identifier: Apache-2.0
// What the grid, the swipe and the difference share: cells with their style, words and numbers.
import { useCallback } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { type CompareCell, drawCell } from '../../draw/compare';
import type { HeatStyle } from '../../draw/heatmap';
import type { Theme } from '../../draw/theme';
import { formatMass } from '../../model/format';
import {
  agreement,
  type Agreement,
  commonScale,
  difference,
  formatAgreement,
  mapState,
  type Side,
  sideMap,
  type Unit,
  whyNoAgreement,
} from '../../model/maps/compare';
import { className, formatScore, sampleFilm, strongestPlace } from '../../model/maps/explain';
import { formatStep } from '../../model/steps';
import { compareUnit, opacity, peek } from '../../state/selection';
import type { Grid } from '../../wire/wire';
import { Shown } from '../async';
import { sampleImage } from '../bitmaps';
import { contour, heatMapName, smoothing } from '../heat_controls';
import { Picture } from '../picture';
import { addStyle } from '../styles/styles';
import css from './maps.css?inline';

addStyle(css);

/** One sample on all sides. */
export interface Row {
  n: number;
  /** The scale of all cells of this row, signed differences too. */
  most: number;
  unit: Unit;
  maps: Grid[];
  /** side − first side, or null where the maps have no common cells; of the first side null too. */
  differences: (Grid | null)[];
  agreements: (Agreement | null)[];
}

export function rowOf(sides: readonly Side[], n: number, unit: Unit): Row {
  const maps = sides.map((side) => sideMap(side, n, unit));
  const against = <T,>(make: (first: Grid, map: Grid) => T): (T | null)[] =>
    maps.map((map, i) => (i === 0 ? null : make(maps[0]!, map)));
  return {
    n,
    unit,
    most: commonScale(sides, n, unit),
    maps,
    differences: against(difference),
    agreements: against(agreement),
  };
}

function styleOf(signed: boolean, most: number): HeatStyle {
  return {
    map: heatMapName(signed),
    signed,
    most,
    opacity: opacity.value,
    smooth: smoothing.value === 'smooth',
    contour: contour.value === 'yes',
  };
}

const shownHeat = (heat: Grid | null, image: CanvasImageSource | null): Grid | null =>
  peek.value && image ? null : heat;

export function sideCell(side: Side, row: Row, i: number): CompareCell {
  const image = sampleImage(side.probe, row.n);
  const { signed } = side.frames[side.index]!.record;
  return { image, heat: shownHeat(row.maps[i]!, image), style: styleOf(signed, row.most) };
}

/** The difference on the first side's picture, only where both sides have the same one. */
export function differenceCell(sides: readonly Side[], row: Row, i: number, same: boolean): CompareCell {
  const image = same ? sampleImage(sides[0]!.probe, row.n) : null;
  return { image, heat: shownHeat(row.differences[i]!, image), style: { ...styleOf(true, row.most), contour: false } };
}

/** "narrow at step 1 000: strongest top left" */
export function sideWords(side: Side, row: Row, i: number): string {
  return `Sample ${row.n + 1}, ${side.name} at step ${formatStep(side.frames[side.index]!.step)}: ${strongestPlace(row.maps[i]!)}`;
}

export function differenceWords(sides: readonly Side[], row: Row, i: number): string {
  const map = row.differences[i];
  const what = `Sample ${row.n + 1}, ${sides[i]!.letter} minus A`;
  return map
    ? `${what}: ${strongestPlace(map)}, IoU ${formatAgreement(row.agreements[i]!.overlap)}`
    : `${what}: ${whyNoAgreement(row.maps[0]!, row.maps[i]!)}`;
}

export function Cell({
  cell,
  label,
  width,
  height,
  title,
}: {
  cell: CompareCell;
  label: string;
  width: number;
  height: number;
  title?: string;
}) {
  const { image, heat, style } = cell;
  const key = JSON.stringify(style);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawCell(context, { image, heat, style }, surface, theme),
    [image, heat, key],
  );
  return <Picture width={width} height={height} draw={draw} label={label} title={title} />;
}

/** "constant" or "not a number" over a cell, so that a flat colour is not taken for a finding. */
export function StateMark({ map }: { map: Grid }) {
  const state = mapState(map);
  return state ? <span class="cell-state">{state}</span> : null;
}

/** Size of a cell `wide` pixels wide: as the picture, else as the map. */
export function cellHeight(sides: readonly Side[], row: Row, wide: number): number {
  const image = sampleImage(sides[0]!.probe, row.n);
  const { rows, columns } = row.maps[0]!;
  const aspect = image ? image.height / image.width : rows === 1 ? 0.5 : rows / columns;
  return Math.round(wide * Math.min(1.5, Math.max(0.4, aspect)));
}

export const NUMBERS = [
  ['p(class)', 'Probability (or, for other outputs, the value) of the class that the map explains, per side.'],
  [
    'IoU',
    'Intersection over union of the strongest tenth of both maps: 1 the same cells, 0 none in common. Does not depend on the scale.',
  ],
  [
    'rank',
    'Spearman’s rank correlation of all cells with A: 1 the same order of importance, 0 unrelated, −1 reversed.',
  ],
  ['total mass', 'Sum of |value| over the whole map, in the method’s own unit.'],
] as const;

/** The numbers of one row, one line a side, in the order of NUMBERS. */
export function numbersOf(sides: readonly Side[], row: Row): string[][] {
  return [
    sides.map((side) => `${side.letter} ${explained(side, row.n)}`),
    sides.map((side, i) =>
      i === 0 ? '' : `${sides.length > 2 ? `${side.letter} ` : ''}${formatAgreement(row.agreements[i]!.overlap)}`,
    ),
    sides.map((side, i) =>
      i === 0 ? '' : `${sides.length > 2 ? `${side.letter} ` : ''}${formatAgreement(row.agreements[i]!.rank)}`,
    ),
    sides.map((side) => `${side.letter} ${massOf(side, row.n)}`),
  ];
}

function explained(side: Side, n: number): string {
  const { record } = side.frames[side.index]!;
  const target = record.targets[n] ?? -1;
  const score = formatScore(record.scores[n], record.probabilities);
  return target < 0 ? score : `${className(side.probe, target)} ${score}`;
}

function massOf(side: Side, n: number): string {
  const mass = sampleFilm(side.frames, n).mass[side.index]!;
  return Number.isFinite(mass) ? formatMass(mass) : 'not a number';
}

/** Whether the sides explain different classes of one sample: then their maps answer different questions. */
export function differentTargets(sides: readonly Side[], n: number): boolean {
  return new Set(sides.map((side) => side.frames[side.index]!.record.targets[n])).size > 1;
}

export const unitWords = (): string => (compareUnit.value === 'share' ? 'share of total' : 'the method’s own unit');

/** "A ■ narrow, step 1 000, showing 1 000 for 1 050" */
export function SideHead({ side }: { side: Side }) {
  const shown = side.frames[side.index]!.step;
  return (
    <span class="side-head">
      <span class="side-name">
        <strong>{side.letter}</strong> <span class="swatch" style={{ background: side.colour }} aria-hidden="true" />{' '}
        {side.name}
      </span>
      <span class="soft">step {formatStep(shown)}</span>
      <Shown wanted={side.wanted} shown={shown} />
    </span>
  );
}
