// SPDX-License-Identifier: Apache-2.0
// Arithmetic of comparing runs or steps: what they have in common, one scale for all of them, signed
// differences, and the numbers beside the pictures. No state.
import type { Tag } from '../../wire/api';
import type { Probe } from '../../wire/schema_pb';
import type { Grid } from '../../wire/wire';
import { once } from '../once';
import { type Frames, sampleFilm } from './explain';
import { percentile, totalMass } from './grid';
import { rankCorrelation, topOverlap } from './ranks';

/** One column of the comparison: a run at a step. */
export interface Side {
  /** "A", "B", … */
  letter: string;
  run: string;
  name: string;
  colour: string;
  frames: Frames;
  /** Index into frames of the frame shown. */
  index: number;
  /** The step asked for. */
  wanted: number;
  probe: Probe | undefined;
}

export type Unit = 'raw' | 'share';

/** Tags that all of the lists hold, in the first one's order. */
export function commonTags(lists: readonly (readonly Tag[])[]): Tag[] {
  const [first = [], ...rest] = lists;
  return first.filter((tag) => rest.every((list) => list.some((one) => one.tag === tag.tag)));
}

/** A side's map of sample `n`: in the method's own unit, or each value as a share of the map's total mass. */
export function sideMap(side: Side, n: number, unit: Unit): Grid {
  const map = sampleFilm(side.frames, n).maps[side.index]!;
  return unit === 'share' ? shareOfTotal(map) : map;
}

/** Every value divided by the sum of |v|; an empty map stays empty. */
export function shareOfTotal(map: Grid): Grid {
  const mass = totalMass(map);
  return mass === 0 ? map : { ...map, values: map.values.map((value) => value / mass) };
}

const scales = new WeakMap<Frames, { others: readonly Frames[]; known: Map<string, number> }>();

/** One scale for sample `n`: the 99th percentile of |v| over all sides and all their steps. */
export function commonScale(sides: readonly Side[], n: number, unit: Unit): number {
  const [first, ...others] = [...new Set(sides.map((side) => side.frames))] as [Frames, ...Frames[]];
  let kept = scales.get(first);
  if (!kept || kept.others.length !== others.length || kept.others.some((one, i) => one !== others[i])) {
    kept = { others, known: new Map() };
    scales.set(first, kept);
  }
  return once(kept.known, `${n} ${unit}`, () => {
    const maps = [first, ...others].flatMap((frames) => sampleFilm(frames, n).maps);
    return percentile(unit === 'share' ? maps.map(shareOfTotal) : maps, 0.99);
  });
}

/** b − a cell by cell; null where the maps are of different size and have no common cells. */
export function difference(a: Grid, b: Grid): Grid | null {
  if (a.rows !== b.rows || a.columns !== b.columns) return null;
  return { rows: a.rows, columns: a.columns, values: b.values.map((value, i) => value - a.values[i]!) };
}

export interface Agreement {
  /** Intersection over union of the strongest tenth; NaN: not defined. */
  overlap: number;
  /** Spearman's; NaN: not defined. */
  rank: number;
}

/** How alike two maps are, whatever their unit; NaN where one is constant, not finite, or of another size. */
export function agreement(a: Grid, b: Grid): Agreement {
  if (a.rows !== b.rows || a.columns !== b.columns) return { overlap: NaN, rank: NaN };
  return { overlap: topOverlap(a.values, b.values), rank: rankCorrelation(a.values, b.values) };
}

/** Why two maps have no agreement; empty where they have. */
export function whyNoAgreement(a: Grid, b: Grid): string {
  if (a.rows !== b.rows || a.columns !== b.columns)
    return `maps of different size, ${a.rows}×${a.columns} and ${b.rows}×${b.columns}`;
  const states = [a, b].map(mapState).filter((state) => state !== '');
  return states.length ? `a map is ${states[0]}` : '';
}

type MapState = '' | 'constant' | 'empty' | 'not a number';

const states = new WeakMap<Grid, MapState>();

/** Why a map says nothing; '' where it does say something. */
export function mapState(map: Grid): MapState {
  return once(states, map, () => stateOf(map));
}

function stateOf({ values }: Grid): MapState {
  if (!values.every(Number.isFinite)) return 'not a number';
  if (values.some((value) => value !== values[0])) return '';
  return values[0] === 0 ? 'empty' : 'constant';
}

/** How many samples can be compared. */
export function sampleCountOf(sides: readonly Side[]): number {
  return Math.min(...sides.map((side) => side.frames[side.index]?.record.shape[0] ?? 0));
}

/** The probe that a side's maps are about: the frame's own word, else the probe record's. */
export function probeOf(side: Side): string {
  return side.frames[side.index]?.record.probe || side.probe?.hash || '';
}

/** Whether all sides are about the same inputs; undefined where the log does not say. */
export function sameProbe(sides: readonly Side[]): boolean | undefined {
  const hashes = sides.map(probeOf);
  if (hashes.some((hash) => hash === '')) return undefined;
  return new Set(hashes).size === 1;
}

/** 0.42; "–" where it is not defined. */
export function formatAgreement(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2).replace('-', '−') : '–';
}
