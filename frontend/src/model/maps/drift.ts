// SPDX-License-Identifier: Apache-2.0
// How one sample's maps change over snapshots, held against numbers that Python works out anew (tests/golden):
// similarity to the snapshot before and to the last one, where the focus jumps, since when it is settled.
import type { Grid } from '../../wire/wire';
import { once } from '../once';
import { correlate, mapRanks, setOverlap, strongest } from './ranks';

/** How far above its running median drift must be, in robust standard deviations. */
const JUMP_Z = 3.5;
const MAD_TO_STD = 1.4826;
const LEAST_SPREAD = 0.02;
const WINDOW = 15;
const LEAST_PAST = 4;

/** One number a snapshot; NaN: not defined, one of the two maps is constant or not finite. */
export interface Drift {
  rankToPrevious: number[];
  rankToLast: number[];
  overlapToPrevious: number[];
  overlapToLast: number[];
}

interface Order {
  ranks: Float64Array | undefined;
  top: Uint8Array;
}

const orders = new WeakMap<Grid, Order>();

/** What drift compares of one map, made once. */
export function orderOf(map: Grid): Order {
  return once(orders, map, () => ({ ranks: mapRanks(map.values), top: strongest(map.values) }));
}

export function driftOf(maps: readonly Grid[]): Drift {
  const ranks = maps.map((map) => orderOf(map).ranks);
  const top = maps.map((map) => orderOf(map).top);
  const toPrevious = <T>(all: readonly T[], measure: (a: T, b: T) => number): number[] =>
    all.map((one, t) => (t === 0 ? NaN : measure(all[t - 1]!, one)));
  const toLast = <T>(all: readonly T[], measure: (a: T, b: T) => number): number[] =>
    all.map((one) => measure(one, all.at(-1)!));
  return {
    rankToPrevious: toPrevious(ranks, correlate),
    rankToLast: toLast(ranks, correlate),
    overlapToPrevious: toPrevious(top, setOverlap),
    overlapToLast: toLast(top, setOverlap),
  };
}

/** Robust z-scores of the fall of similarity to the snapshot before; NaN where there is too little past. */
export function jumpScores(similarity: readonly number[]): number[] {
  const fall = similarity.map((value) => 1 - value);
  return fall.map((now, t) => {
    const past = fall.slice(Math.max(0, t - WINDOW), t).filter(Number.isFinite);
    if (t < LEAST_PAST || past.length < LEAST_PAST) return NaN;
    const middle = median(past);
    const spread = median(past.map((value) => Math.abs(value - middle)));
    return (now - middle) / Math.max(MAD_TO_STD * spread, LEAST_SPREAD);
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Whether the focus jumped at each snapshot. */
export function jumps(similarity: readonly number[]): boolean[] {
  return jumpScores(similarity).map((score) => score > JUMP_Z);
}

/** Index of the first snapshot from which on similarity to the last stays ≥ `least`; the last index: not settled yet; -1: never. */
export function settled(similarity: readonly number[], least = 0.9): number {
  const last = similarity.findLastIndex((value) => !(value >= least));
  return last === similarity.length - 1 ? -1 : last + 1;
}

/** How much a sample's focus moved: the mean fall of similarity to the snapshot before; -1 where nothing is defined. */
export function totalDrift({ rankToPrevious }: Drift): number {
  const known = rankToPrevious.filter(Number.isFinite);
  return known.length ? known.reduce((sum, value) => sum + 1 - value, 0) / known.length : -1;
}
