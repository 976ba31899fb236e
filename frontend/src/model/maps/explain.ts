// SPDX-License-Identifier: Apache-2.0
// What the frames of one attribution tag say about each sample: its maps over the steps, one scale for
// all of them, their total mass, and the words beside the pictures.
import type { Probe } from '../../wire/schema_pb';
import { type Attribution, type Grid, sampleHeat, type Stamped } from '../../wire/wire';
import { once } from '../once';
import { percentile, totalMass } from './grid';

export type Frames = readonly Stamped<Attribution>[];

/** One sample through training. */
export interface SampleFilm {
  maps: Grid[];
  /** Sum of |v| of each map. */
  mass: number[];
  /** 99th percentile of |v| over all maps. */
  p99: number;
}

interface Decoded {
  map: Grid;
  mass: number;
}

const films = new WeakMap<Attribution, Map<number, Decoded>>();
const peaks = new WeakMap<Grid, number>();
const whole = new WeakMap<Frames, Map<number, SampleFilm>>();

/** Sample `n` of all frames. Each map is decoded once, also when frames are added. */
export function sampleFilm(frames: Frames, n: number): SampleFilm {
  const known = whole.get(frames) ?? new Map<number, SampleFilm>();
  whole.set(frames, known);
  let film = known.get(n);
  if (!film) {
    const parts = frames.map((frame) => decoded(frame.record, n));
    const maps = parts.map((part) => part.map);
    film = { maps, mass: parts.map((part) => part.mass), p99: percentile(maps, 0.99) };
    known.set(n, film);
  }
  return film;
}

/** 99th percentile of |v| of one map: a scale for it alone. */
export function peakOf(map: Grid): number {
  return once(peaks, map, () => percentile([map], 0.99));
}

/** The map of sample `n` in one frame, decoded once; and the sum of its |v|. */
export function decoded(record: Attribution, n: number): Decoded {
  const known = films.get(record) ?? new Map<number, Decoded>();
  films.set(record, known);
  let found = known.get(n);
  if (!found) {
    const map = sampleHeat(record, n);
    found = { map, mass: totalMass(map) };
    known.set(n, found);
  }
  return found;
}

/** A scale grows only when the new maps exceed it clearly, so that colours do not creep from step to step. */
const TOLERANCE = 1.25;

export interface Domain {
  most: number;
  /** The newest step when the scale was last fitted anew; undefined: never. */
  refitAt: number | undefined;
}

/** A class by name; "class 3" where the run gave none. */
export function className(probe: Probe | undefined, index: number | undefined): string {
  if (index === undefined || index < 0) return 'output';
  return probe?.classNames[index] ?? `class ${index}`;
}

/** 0.914 → "91 %" for probabilities, three digits for other outputs. */
export function formatScore(score: number | undefined, probabilities: boolean): string {
  if (score === undefined || !Number.isFinite(score)) return 'not a number';
  if (!probabilities) return Number(score.toPrecision(3)).toString();
  if (score > 0.9995 && score < 1) return '> 99.9\u202f%';
  return `${(score * 100).toFixed((score > 0.995 && score < 1) || (score < 0.005 && score > 0) ? 1 : 0)}\u202f%`;
}

export interface SampleState {
  /** True class or value, in words; empty: unknown. */
  label: string;
  /** "8, 91 %" or "output 1.23". */
  prediction: string;
  wrong: boolean;
  /** "class 8, p 91 %" or "the output, 1.23". */
  explains: string;
  regression: boolean;
}

/** What the model says of sample `n` in one frame. */
export function sampleState(record: Attribution, probe: Probe | undefined, n: number): SampleState {
  const target = record.targets[n] ?? -1;
  const truth = probe?.labels[n];
  const score = formatScore(record.scores[n], record.probabilities);
  if (target < 0) {
    const value = probe?.targets[n];
    return {
      label: value === undefined ? '' : formatScore(value, false),
      prediction: `output ${formatScore(record.scores[n], false)}`,
      wrong: false,
      explains: `the output, ${formatScore(record.scores[n], false)}`,
      regression: true,
    };
  }
  const predicted = record.predictions[n] ?? target;
  return {
    label: truth === undefined || truth < 0 ? '' : className(probe, truth),
    prediction: `${className(probe, predicted)}, ${formatScore(record.predictionScores[n], record.probabilities)}`,
    wrong: truth !== undefined && truth >= 0 && truth !== predicted,
    explains: `${quoted(probe, target)}, ${record.probabilities ? 'p' : 'output'} ${score}`,
    regression: false,
  };
}

function quoted(probe: Probe | undefined, target: number): string {
  const name = className(probe, target);
  return name.startsWith('class ') ? name : `class “${name}”`;
}

/** Samples left by the filters, in the probe's order. `wanted` is a class index or -1 for all. */
export function filterSamples(
  record: Attribution,
  probe: Probe | undefined,
  wanted: number,
  errorsOnly: boolean,
): number[] {
  const all = Array.from({ length: record.shape[0] ?? 0 }, (_, n) => n);
  return all.filter(
    (n) =>
      (wanted < 0 || (probe?.labels[n] ?? record.targets[n]) === wanted) &&
      (!errorsOnly || sampleState(record, probe, n).wrong),
  );
}

/** "8×8, upsampled" or "28×28, native pixels": nobody should take blur for detail. */
export function resolutionNote(map: Grid, smooth: boolean): string {
  return `${map.rows}×${map.columns}, ${smooth ? 'upsampled' : 'native pixels'}`;
}

const PLACES = [
  ['top left', 'top', 'top right'],
  ['left', 'centre', 'right'],
  ['bottom left', 'bottom', 'bottom right'],
];

/** Where a map is strongest, in words, for those who do not see it. */
export function strongestPlace(map: Grid): string {
  let best = -1;
  map.values.forEach((value, i) => {
    if (Number.isFinite(value) && value !== 0 && (best < 0 || Math.abs(value) > Math.abs(map.values[best]!))) best = i;
  });
  if (best < 0)
    return map.values.some((value) => !Number.isFinite(value)) ? 'no finite value' : 'empty: all values are 0';
  if (map.rows === 1) return `strongest at position ${best + 1}`;
  const third = (at: number, of: number): number => Math.min(2, Math.floor((at / of) * 3));
  return `strongest ${PLACES[third(Math.floor(best / map.columns), map.rows)]![third(best % map.columns, map.columns)]}`;
}

/** Of a run × tag × sample (`key`), given what its maps ask for and the newest step there is. */
export type DomainOf = (key: string, p99: number, newest: number) => Domain;

/** Scales for all steps that stay until the maps exceed them clearly, each remembered by its key. */
export function keptDomains(): DomainOf {
  const domains = new Map<string, Domain>();
  return (key, p99, newest) => {
    const kept = domains.get(key);
    if (kept && kept.most > 0 && p99 <= kept.most * TOLERANCE) return kept;
    const next = { most: p99, refitAt: kept && kept.most > 0 ? newest : undefined };
    domains.set(key, next);
    return next;
  };
}
