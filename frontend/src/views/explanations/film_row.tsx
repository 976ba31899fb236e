// SPDX-License-Identifier: Apache-2.0
// One sample of Explanations: what it is, what the network says, its film, and the total mass beside it.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Tag } from '../../wire/api';
import type { Surface } from '../../draw/canvas';
import { MARGIN } from '../../draw/film';
import type { HeatStyle } from '../../draw/heatmap';
import { peakOf, sampleState, type Domain, type Frames, type SampleFilm } from '../../model/explain';
import type { Probe, Trust } from '../../wire/schema_pb';
import { sample } from '../../state/selection';
import { formatStep } from '../../model/steps';
import { useLate } from '../../ui/frame_budget';
import type { Stamped } from '../../wire/wire';
import { greyImage } from '../../ui/bitmaps';
import { FilmLine, lineHeight } from './film_lines';
import { Picture } from '../../ui/async';

const THUMB = 48;

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

/** Whether an element has come near the window; true where the browser cannot tell. */
export function useNear(element: { current: Element | null }): boolean {
  const [near, setNear] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    if (typeof IntersectionObserver === 'undefined') return undefined;
    const observer = new IntersectionObserver((entries) => setNear(entries.some((one) => one.isIntersecting)), {
      rootMargin: '80px',
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return near;
}

/** A sample, or a class, with one line for each method. */
export function FilmRow({ n, views: wanted }: { n: number; views: readonly FilmView[] }) {
  const place = useRef<HTMLLIElement>(null);
  const near = useNear(place);
  const selected = !wanted[0]!.means && sample.value === n;
  const views = useLate(wanted, selected || !near);
  const view = views[0]!;
  useEffect(() => {
    if (selected) place.current?.scrollIntoView?.({ block: 'nearest' });
  }, [selected]);
  const lines = views.reduce((sum, one) => sum + lineHeight(one), 0);
  const height = Math.max(lines, THUMB + 2 * MARGIN);
  return (
    <li ref={place} class={`film-row${selected ? ' selected' : ''}`} style={{ height: `${height + 8}px` }}>
      {near &&
        (view.means ? (
          <span class="film-head">
            <strong>{view.name(n)}</strong>
          </span>
        ) : (
          <RowHead n={n} view={view} selected={selected} />
        ))}
      {near && (
        <div class="film-lines">
          {views.map((one) => (
            <FilmLine key={one.tag.tag} n={n} view={one} />
          ))}
        </div>
      )}
    </li>
  );
}

function RowHead({ n, view, selected }: { n: number; view: FilmView; selected: boolean }) {
  const state = sampleState(view.frames[view.current]!.record, view.probe, n);
  const image = greyImage(view.probe, n);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, { width, height }: Surface) => {
      context.imageSmoothingEnabled = false;
      if (image) context.drawImage(image, 0, 0, width, height);
    },
    [image],
  );
  return (
    <button
      type="button"
      class="film-head"
      aria-pressed={selected}
      onClick={() => {
        sample.value = n;
      }}
    >
      {image && (
        <Picture
          label={`Input ${n + 1}`}
          width={Math.min(THUMB, (THUMB * image.width) / image.height)}
          height={Math.min(THUMB, (THUMB * image.height) / image.width)}
          draw={draw}
        />
      )}
      <span class="film-words">
        <span>
          <strong>{n + 1}</strong>
          {state.label && (
            <>
              {' '}
              · {state.regression ? 'target' : 'true'} {state.label}
            </>
          )}
        </span>
        <span>{state.regression ? state.prediction : <>says {state.prediction}</>}</span>
        {state.wrong && <span class="wrong">✗ wrong</span>}
      </span>
    </button>
  );
}

/** Three digits, without an exponent while a person can read it. */
export function formatMass(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.001 && Math.abs(value) < 100_000
    ? Number(value.toPrecision(3)).toString()
    : value.toExponential(1);
}

export function massWords(film: SampleFilm, frames: Frames, current: number): string {
  const one = (i: number): string => `${formatMass(film.mass[i]!)} at step ${formatStep(frames[i]!.step)}`;
  return `${one(0)}, ${one(current)}, ${one(frames.length - 1)}`;
}
