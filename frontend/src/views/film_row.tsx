// SPDX-License-Identifier: Apache-2.0
// One sample of Explanations: what it is, what the network says, its film, and the total mass beside it.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { goTo } from '../clock';
import type { Surface } from '../draw/canvas';
import { cellAt, drawFilm, drawMass, GAP, MARGIN, type Cell } from '../draw/film';
import type { HeatStyle } from '../draw/heatmap';
import type { Theme } from '../draw/theme';
import { sampleFilm, sampleState, strongestPlace, type Domain, type Frames, type SampleFilm } from '../explain';
import type { Probe } from '../schema_pb';
import { sample } from '../selection';
import { formatStep } from '../steps';
import { greyImage } from './bitmaps';
import { Picture } from './parts';

export const MASS_WIDTH = 92;
const THUMB = 48;

/** Everything that all rows share. */
export interface FilmView {
  frames: Frames;
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
  return view.perImage ? film.peaks[frame]! : view.domain(n).most;
}

/** Whether an element has come near the window; true where the browser cannot tell. */
function useNear(element: { current: Element | null }): boolean {
  const [near, setNear] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    if (typeof IntersectionObserver === 'undefined') return undefined;
    const observer = new IntersectionObserver((entries) => setNear(entries.some((one) => one.isIntersecting)), { rootMargin: '200px' });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return near;
}

export function FilmRow({ n, view }: { n: number; view: FilmView }) {
  const place = useRef<HTMLLIElement>(null);
  const near = useNear(place);
  const selected = sample.value === n;
  useEffect(() => { if (selected) place.current?.scrollIntoView?.({ block: 'nearest' }); }, [selected]);
  const height = Math.max(view.cellHeight + 2 * MARGIN, THUMB + 2 * MARGIN);
  return (
    <li ref={place} class={`film-row${selected ? ' selected' : ''}`} style={{ height: `${height + 8}px` }}>
      {near && <RowHead n={n} view={view} selected={selected} />}
      {near && <RowFilm n={n} view={view} />}
    </li>
  );
}

function RowHead({ n, view, selected }: { n: number; view: FilmView; selected: boolean }) {
  const state = sampleState(view.frames[view.current]!.record, view.probe, n);
  const image = greyImage(view.probe, n);
  const draw = useCallback((context: CanvasRenderingContext2D, { width, height }: Surface) => {
    context.imageSmoothingEnabled = false;
    if (image) context.drawImage(image, 0, 0, width, height);
  }, [image]);
  return (
    <button type="button" class="film-head" aria-pressed={selected} onClick={() => { sample.value = n; }}>
      {image && <Picture label={`Input ${n + 1}`} width={Math.min(THUMB, (THUMB * image.width) / image.height)} height={Math.min(THUMB, (THUMB * image.height) / image.width)} draw={draw} />}
      <span class="film-words">
        <span><strong>{n + 1}</strong>{state.label && <> · {state.regression ? 'target' : 'true'} {state.label}</>}</span>
        <span>{state.regression ? state.prediction : <>says {state.prediction}</>}</span>
        {state.wrong && <span class="wrong">✗ wrong</span>}
      </span>
    </button>
  );
}

function RowFilm({ n, view }: { n: number; view: FilmView }) {
  const { frames, columns, current, cellWidth, cellHeight } = view;
  const film = sampleFilm(frames, n);
  const image = greyImage(view.probe, n);
  const draw = useCallback((context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
    const cells = columns.map((frame): Cell => ({
      heat: view.peek && image ? null : film.maps[frame]!, current: frame === current, style: { ...view.style, most: mostOf(view, film, n, frame) },
    }));
    drawFilm(context, { image, cells, cellWidth, cellHeight }, surface, theme);
  }, [view, film, image, n]);
  const drawLine = useCallback((context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
    drawMass(context, { steps: frames.map((frame) => frame.step), mass: film.mass, current }, surface, theme);
  }, [frames, film, current]);
  const choose = (event: MouseEvent): void => {
    const cell = cellAt(event.offsetX, columns.length, cellWidth);
    sample.value = n;
    if (cell !== undefined) goTo(frames[columns[cell]!]!.step);
  };
  const mass = film.mass[current]!;
  return (
    <>
      <Picture class="film" width={columns.length * (cellWidth + GAP) - GAP + 2 * MARGIN} height={cellHeight + 2 * MARGIN} draw={draw} onClick={choose}
        label={`Maps of sample ${n + 1} at ${columns.length} steps; at step ${frames[current]!.step} ${strongestPlace(film.maps[current]!)}.`} />
      <span class="film-mass">
        <Picture width={MASS_WIDTH} height={36} draw={drawLine} label={`Total mass of sample ${n + 1}: ${massWords(film, frames, current)}.`} />
        <span class="soft">{Number.isFinite(mass) ? formatMass(mass) : 'not a number'}</span>
      </span>
    </>
  );
}

/** Three digits, without an exponent while a person can read it. */
export function formatMass(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.001 && Math.abs(value) < 100_000 ? Number(value.toPrecision(3)).toString() : value.toExponential(1);
}

function massWords(film: SampleFilm, frames: Frames, current: number): string {
  const one = (i: number): string => `${formatMass(film.mass[i]!)} at step ${formatStep(frames[i]!.step)}`;
  return `${one(0)}, ${one(current)}, ${one(frames.length - 1)}`;
}
