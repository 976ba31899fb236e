// SPDX-License-Identifier: Apache-2.0
// One method's line in a sample's row: its name, its film, its mass, how it drifted, and how far to believe it.
import { useCallback, useMemo, useRef } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawDrift } from '../../draw/drift';
import { type Cell, cellAt, drawFilm, drawMass, type Drawn, GAP, MARGIN } from '../../draw/film';
import type { Theme } from '../../draw/theme';
import { formatMass } from '../../model/format';
import { mapState } from '../../model/maps/compare';
import { orderOf } from '../../model/maps/drift';
import { decoded, strongestPlace } from '../../model/maps/explain';
import { badgesOf, isUnstable } from '../../model/maps/trust';
import { FAILS_RANDOMISATION } from '../../model/methods';
import { goTo } from '../../state/clock';
import { failsRandomisation, methodMeaning, tagLabel } from '../../state/descriptions';
import { sample } from '../../state/selection';
import { sampleImage } from '../../ui/bitmaps';
import { inPieces, useTurn } from '../../ui/frame_budget';
import { Picture } from '../../ui/picture';
import {
  FEW_LEVELS,
  filmDrift,
  type FilmView,
  MASS_WIDTH,
  massWords,
  mostOf,
  settledWords,
  trustAt,
} from './film_view';

export const CAPTION = 20;

/** Maps that are prepared at a time. */
const PIECE = 40;

/** Height of the small charts beside a film with their number below. */
const CHART = 54;

/** Height of a line: its caption, its film, and the frame of the current step. */
export const lineHeight = (view: FilmView): number =>
  Math.max(CHART, view.cellHeight + 2 * MARGIN) + (view.captions ? CAPTION : 0);

/** The line, once there is time for it. */
export function FilmLine({ n, view }: { n: number; view: FilmView }) {
  const ready = useTurn(() => [
    ...(view.means ? [] : inPieces(view.frames, PIECE, (frame) => decoded(frame.record, n))),
    () => view.film(n),
    () => view.domain(n),
  ]);
  return ready ? <Line n={n} view={view} /> : <div style={{ height: `${lineHeight(view)}px` }} />;
}

function Line({ n, view }: { n: number; view: FilmView }) {
  const { frames, columns, current, cellWidth, cellHeight } = view;
  const film = view.film(n);
  const image = sampleImage(view.probe, view.means ? -1 : n);
  const unstable = isUnstable(trustAt(view)?.record, n) && !view.means;
  const drawn = useRef<Drawn>(undefined);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
      const cells = columns.map(
        (frame, i): Cell => ({
          heat: view.peek && image ? null : film.maps[frame]!,
          current: frame === current && columns.indexOf(frame) === i,
          style: { ...view.style, most: mostOf(view, film, n, frame), levels: unstable ? FEW_LEVELS : undefined },
          note: mapState(film.maps[frame]!),
        }),
      );
      const next = { image, cells, cellWidth, cellHeight, theme };
      drawFilm(context, next, surface, theme, drawn.current);
      drawn.current = next;
    },
    [view, film, image, n, unstable],
  );
  const drawLine = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
      drawMass(context, { steps: frames.map((frame) => frame.step), mass: film.mass, current }, surface, theme);
    },
    [frames, film, current],
  );
  const choose = (event: MouseEvent): void => {
    const cell = cellAt(event.offsetX, columns.length, cellWidth);
    if (!view.means) sample.value = n;
    if (cell !== undefined) goTo(frames[columns[cell]!]!.step);
  };
  const mass = film.mass[current]!;
  const state = mapState(film.maps[current]!);
  return (
    <div class="film-line">
      {view.captions && <Caption n={n} view={view} unstable={unstable} />}
      <div class="film-strip">
        <Picture
          class="film"
          width={columns.length * (cellWidth + GAP) - GAP + 2 * MARGIN}
          height={cellHeight + 2 * MARGIN}
          draw={draw}
          keeps
          onClick={choose}
          label={`${tagLabel(view.tag)} of ${view.name(n)} at ${columns.length} steps; at step ${frames[current]!.step} ${state || strongestPlace(film.maps[current]!)}.`}
        />
        <span class="film-mass">
          <Picture
            width={MASS_WIDTH}
            height={36}
            draw={drawLine}
            label={`Total mass of ${view.name(n)}: ${massWords(film, frames, current)}.`}
          />
          <span class="soft">{Number.isFinite(mass) ? formatMass(mass) : 'not a number'}</span>
        </span>
        <DriftPlace n={n} view={view} />
      </div>
    </div>
  );
}

function Caption({ n, view, unstable }: { n: number; view: FilmView; unstable: boolean }) {
  const trust = trustAt(view);
  return (
    <div class="film-caption">
      <strong title={methodMeaning(view.tag.method)}>{tagLabel(view.tag)}</strong>
      {failsRandomisation(view.tag.method) && (
        <span class="badge warn" title={methodMeaning(view.tag.method)}>
          {FAILS_RANDOMISATION}
        </span>
      )}
      {unstable && (
        <span
          class="badge warn"
          title="The map changes much when the input changes little (stability below 0.5): it is drawn in few colour levels."
        >
          unstable
        </span>
      )}
      {trust &&
        !view.means &&
        badgesOf(trust.record, n)
          .filter((one) => !one.reason)
          .map((one) => (
            <span key={one.name} class="soft" title={one.meaning}>
              {one.name} <span class="aligned">{one.text}</span>
            </span>
          ))}
    </div>
  );
}

function DriftPlace({ n, view }: { n: number; view: FilmView }) {
  const ready = useTurn(() => [...inPieces(view.film(n).maps, PIECE, orderOf), () => filmDrift(view, n)]);
  return ready ? <DriftLine n={n} view={view} /> : <span class="film-mass" style={{ width: `${MASS_WIDTH}px` }} />;
}

/** Similarity to the snapshot before and to the last one, and since when it is like the last. */
function DriftLine({ n, view }: { n: number; view: FilmView }) {
  const { frames, current } = view;
  const drift = filmDrift(view, n);
  const steps = useMemo(() => frames.map((frame) => frame.step), [frames]);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => {
      drawDrift(
        context,
        { steps, toPrevious: drift.rankToPrevious, toLast: drift.rankToLast, current },
        surface,
        theme,
      );
    },
    [steps, drift, current],
  );
  return (
    <span
      class="film-mass"
      title="Rank correlation with the snapshot before (thin) and with the last one (thick); top 1: the same order, middle line 0."
    >
      <Picture
        width={MASS_WIDTH}
        height={36}
        draw={draw}
        label={`Similarity of ${view.name(n)} to the last snapshot: ${settledWords(drift.rankToLast, steps)}.`}
      />
      <span class="soft">{settledWords(drift.rankToLast, steps).replace('like now ', '')}</span>
    </span>
  );
}
