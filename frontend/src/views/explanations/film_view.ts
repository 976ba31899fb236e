// SPDX-License-Identifier: Apache-2.0
// What all rows of films share, and what is worked out of it for one of them.
import type { HeatStyle } from '../../draw/heatmap';
import { formatMass } from '../../model/format';
import { driftOf, settled } from '../../model/maps/drift';
import { type Domain, type Frames, peakOf, type SampleFilm } from '../../model/maps/explain';
import { once } from '../../model/once';
import { formatStep, nearestIndex } from '../../model/steps';
import type { Tag } from '../../wire/api';
import type { Probe, Trust } from '../../wire/schema_pb';
import type { Stamped } from '../../wire/wire';

/** Everything that all rows share. */
export interface FilmView {
  tag: Tag;
  frames: Frames;
  trust: readonly Stamped<Trust>[];
  /** A method's name and how far to believe it above each film: where there are several, or trust records. */
  captions: boolean;
  /** Rows are classes, and films the mean of their samples. */
  means: boolean;
  /** The maps of row `n`. */
  film: (n: number) => SampleFilm;
  /** "sample 3", "the mean of cat" */
  name: (n: number) => string;
  probe: Probe | undefined;
  /** Indices into frames of the columns. */
  columns: readonly number[];
  /** Index into frames of the frame shown. */
  current: number;
  cellWidth: number;
  cellHeight: number;
  peek: boolean;
  /** per image: every map gets its own scale. */
  perImage: boolean;
  style: Omit<HeatStyle, 'most'>;
  domain: (n: number) => Domain;
}

/** The scale of one map. */
export function mostOf(view: FilmView, film: SampleFilm, n: number, frame: number): number {
  return view.perImage ? peakOf(film.maps[frame]!) : view.domain(n).most;
}

export function massWords(film: SampleFilm, frames: Frames, current: number): string {
  const one = (i: number): string => `${formatMass(film.mass[i]!)} at step ${formatStep(frames[i]!.step)}`;
  return `${one(0)}, ${one(current)}, ${one(frames.length - 1)}`;
}

export const MASS_WIDTH = 84;

export const FEW_LEVELS = 4;

/** The trust record at or before the frame shown, or the first. */
export function trustAt(view: FilmView): FilmView['trust'][number] | undefined {
  const at = view.frames[view.current]!.step;
  return view.trust[
    nearestIndex(
      view.trust.map((one) => one.step),
      at,
    )
  ];
}

const driftOfFilm = new WeakMap<object, ReturnType<typeof driftOf>>();

/** Drift of a sample's film, computed once. */
export function filmDrift(view: FilmView, n: number): ReturnType<typeof driftOf> {
  const film = view.film(n);
  return once(driftOfFilm, film, () => driftOf(film.maps));
}

/** "like now since 600", "not settled" */
export function settledWords(toLast: readonly number[], steps: readonly number[]): string {
  const at = settled(toLast);
  if (at < 0) return 'not defined';
  return at === steps.length - 1 && at > 0 ? 'not settled' : `like now since ${formatStep(steps[at]!)}`;
}
