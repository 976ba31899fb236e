// SPDX-License-Identifier: Apache-2.0
// Which rows Explanations shows and in which order; and the films of classes, means over their samples.
import type { Attribution, Probe } from '../../wire/schema_pb';
import { className, filterSamples, type Frames, sampleFilm, type SampleFilm } from './explain';
import { meanGrid, percentile, totalMass } from './grid';

export interface Filters {
  /** Class index; -1: all. */
  wanted: number;
  errorsOnly: boolean;
  /** Least score of the prediction, 0 … 1; 0: all. */
  confidence: number;
}

/** Samples left by the filters; in the probe's order, or those with the most drift first. */
export function rowsOf(
  record: Attribution,
  probe: Probe | undefined,
  filters: Filters,
  drift?: (n: number) => number,
): number[] {
  const left = filterSamples(record, probe, filters.wanted, filters.errorsOnly).filter(
    (n) => !record.probabilities || filters.confidence <= 0 || (record.predictionScores[n] ?? 0) >= filters.confidence,
  );
  if (!drift) return left;
  const known = new Map(left.map((n) => [n, drift(n)]));
  return left.sort((a, b) => known.get(b)! - known.get(a)! || a - b);
}

/** Samples of each class: the true one where it is known, else the explained one; ascending. */
export function samplesByClass(record: Attribution, probe: Probe | undefined): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (let n = 0; n < (record.shape[0] ?? 0); n++) {
    const one = probe?.labels[n] ?? record.targets[n] ?? -1;
    if (one >= 0) groups.set(one, [...(groups.get(one) ?? []), n]);
  }
  return new Map([...groups].sort(([a], [b]) => a - b));
}

/** "mean of 3 × cat" */
export function meanName(probe: Probe | undefined, index: number, count: number): string {
  return `mean of ${count} × ${className(probe, index)}`;
}

const means = new WeakMap<Frames, Map<string, SampleFilm>>();

/** Cell by cell the mean of several samples' maps at each step; NaN where one has no number. */
export function meanFilm(frames: Frames, samples: readonly number[]): SampleFilm {
  const known = means.get(frames) ?? new Map<string, SampleFilm>();
  means.set(frames, known);
  const key = samples.join(' ');
  let film = known.get(key);
  if (!film) {
    const films = samples.map((n) => sampleFilm(frames, n));
    const maps = frames.map((_, t) => meanGrid(films.map((one) => one.maps[t]!)));
    film = { maps, mass: maps.map(totalMass), p99: percentile(maps, 0.99) };
    known.set(key, film);
  }
  return film;
}
