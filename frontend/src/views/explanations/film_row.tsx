// SPDX-License-Identifier: Apache-2.0
// One sample of Explanations: what it is, what the network says, its film, and the total mass beside it.
import { useCallback, useEffect, useRef } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { MARGIN } from '../../draw/film';
import { sampleState } from '../../model/maps/explain';
import { sample } from '../../state/selection';
import { sampleImage } from '../../ui/bitmaps';
import { useLate, useNear } from '../../ui/frame_budget';
import { Picture } from '../../ui/picture';
import { FilmLine, lineHeight } from './film_lines';
import type { FilmView } from './film_view';

const THUMB = 48;

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
  const image = sampleImage(view.probe, n);
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
