// SPDX-License-Identifier: Apache-2.0
// What the network looks at, and when that changed: films first, one step large beside them.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Tag } from '../../wire/api';
import { goTo } from '../../state/clock';
import { columnsThatFit, filmFrames, GAP, MARGIN } from '../../draw/film';
import { jumps, totalDrift } from '../../model/drift';
import { domainOf, sampleFilm, sampleState, strongestPlace, type Frames, type SampleFilm } from '../../model/explain';
import { failsRandomisation } from '../../model/methods';
import { meanFilm, meanName, rowsOf, samplesByClass } from '../../model/rows';
import type { Probe, Trust } from '../../wire/schema_pb';
import { layer, method, moreMethods, opacity, peek, sample, scaleMode } from '../../state/selection';
import { formatStep, nearestIndex } from '../../model/steps';
import {
  at,
  attributionTags,
  loadAttributions,
  loadTrust,
  markedSteps,
  probe,
  run,
  snapshotSteps,
  step,
} from '../../state/store';
import { addStyle } from '../../ui/styles';
import css from './explanations.css?inline';
import type { Stamped } from '../../wire/wire';
import { greyImage, hasRegions } from '../../ui/bitmaps';
import {
  chosenTag,
  contour,
  errorsOnly,
  heatMapName,
  HowControls,
  leastConfidence,
  MoreMethods,
  rowKind,
  smoothing,
  sortRows,
  wantedClass,
  WhatControls,
} from './controls';
import { ExplainDetail } from './detail';
import { Export } from '../../ui/files/menu';
import { filmDrift, MASS_WIDTH } from './film_lines';
import { FilmRow, formatMass, type FilmView } from './film_row';
import { Async, Empty, Missing, Shown } from '../../ui/async';

addStyle(css);

const CELL = 64;
const HEAD_WIDTH = 228;

export function Explanations() {
  const tag = chosenTag(attributionTags.value, method.value, layer.value);
  if (!tag) return <Missing signal="explanations" />;
  return (
    <Async
      resource={loadAttributions(run.value, tag.tag)}
      what={`Explanations of ${tag.layer || 'the input'}`}
      height={480}
    >
      {(frames) =>
        frames.length ? <Films key={tag.tag} tag={tag} frames={frames} /> : <Missing signal="explanations" />
      }
    </Async>
  );
}

/** All true classes (or, without labels, explained ones) of the probe, ascending; none for a regression. */
export function classesOf(frames: Frames, found: Probe | undefined): number[] {
  const record = frames.at(-1)!.record;
  const all = record.targets.map((target, n) => found?.labels[n] ?? target).filter((one) => one >= 0);
  return record.targets.every((target) => target < 0) ? [] : [...new Set(all)].sort((a, b) => a - b);
}

function Films({ tag, frames }: { tag: Tag; frames: Frames }) {
  const found = probe(run.value).loaded.value.value?.record;
  const asTable = useSignal(false);
  const place = useRef<HTMLDivElement>(null);
  const width = useRoom(place);
  const views = useFilmViews(tag, frames, found, width);
  const view = views[0]!;
  const record = frames[view.current]!.record;
  const drift = sortRows.value === 'drift' ? (n: number): number => totalDrift(filmDrift(view, n)) : undefined;
  const samples = rowsOf(
    record,
    found,
    { wanted: wantedClass.value, errorsOnly: errorsOnly.value === 'only', confidence: leastConfidence.value },
    drift,
  );
  const rows = view.means
    ? [...samplesByClass(record, found).keys()].filter((one) => wantedClass.value < 0 || one === wantedClass.value)
    : samples;
  const chosen = Math.min(Math.max(0, sample.value), (record.shape[0] ?? 1) - 1);
  useJumpMarks({ ...view, film: (n) => sampleFilm(frames, n) }, chosen);
  return (
    <div class="explain">
      <div class="explain-top">
        <WhatControls tag={tag} probe={found} classes={classesOf(frames, found)} probabilities={record.probabilities} />
      </div>
      <MoreMethods tag={tag} />
      <div class="explain-top">
        <HowControls signed={record.signed} marked={hasRegions(found)} />
        <span class="spring" />
        <Export views={views} n={chosen} />
        <button
          type="button"
          class="toggle"
          aria-pressed={asTable.value}
          onClick={() => {
            asTable.value = !asTable.value;
          }}
        >
          View as table
        </button>
      </div>
      <div class="explain-body">
        <div class="explain-films" ref={place}>
          <Note samples={samples.length} view={view} />
          {rows.length === 0 ? (
            <Nothing />
          ) : asTable.value ? (
            <FilmTable samples={samples} view={view} />
          ) : (
            <FilmList rows={rows} views={views} />
          )}
        </div>
        <ExplainDetail n={chosen} view={view} />
      </div>
    </div>
  );
}

/** The steps at which the chosen sample's focus jumps go to the scrubber while this view is open. */
function useJumpMarks(view: FilmView, n: number): void {
  const drift = filmDrift(view, n);
  const steps = useMemo(() => {
    const jumped = jumps(drift.rankToPrevious);
    return view.frames
      .filter((_, i) => jumped[i])
      .map((one) => one.step)
      .join(' ');
  }, [drift, view.frames]);
  useEffect(() => {
    markedSteps.value = steps ? steps.split(' ').map(Number) : [];
    return () => {
      markedSteps.value = [];
    };
  }, [steps]);
}

/** The chosen method first, then the further ones whose frames are here. */
function useFilmViews(tag: Tag, frames: Frames, found: Probe | undefined, width: number): readonly FilmView[] {
  const more = attributionTags.value.filter((one) => one.tag !== tag.tag && moreMethods.value.has(one.tag));
  const all = [
    { tag, frames },
    ...more.flatMap((one) => {
      const loaded = loadAttributions(run.value, one.tag).loaded.value.value;
      return loaded?.length ? [{ tag: one, frames: loaded as Frames }] : [];
    }),
  ];
  const trust = all.map((one) => loadTrust(run.value, one.tag).loaded.value.value ?? NO_TRUST);
  const steps = useMemo(() => frames.map((frame) => frame.step), [frames]);
  const { cellWidth, cellHeight } = cellSize(frames, found);
  const count = columnsThatFit(width - HEAD_WIDTH - 2 * (MASS_WIDTH + 8) - 24 - 2 * MARGIN, cellWidth);
  const means = rowKind.value === 'classes';
  const [smooth, outlined, perImage, peeking, of, wanted] = [
    smoothing.value === 'smooth',
    contour.value === 'yes',
    scaleMode.value === 'image',
    peek.value,
    run.value,
    step.value,
  ];
  const maps = all.map((one) => heatMapName(one.frames[0]!.record.signed));
  const strength = opacity.value;
  return useMemo(() => {
    const columns = filmFrames(steps, nearestIndex(steps, wanted), count);
    const groups = means ? samplesByClass(frames.at(-1)!.record, found) : new Map<number, number[]>();
    return all.map((one, i): FilmView => {
      const own = one.frames.map((frame) => frame.step);
      const film = (n: number): SampleFilm =>
        means ? meanFilm(one.frames, groups.get(n) ?? [0]) : sampleFilm(one.frames, n);
      return {
        ...one,
        probe: found,
        trust: trust[i]!,
        captions: all.length > 1 || trust[i]!.length > 0 || failsRandomisation(one.tag.method),
        means,
        film,
        name: (n) => (means ? meanName(found, n, groups.get(n)?.length ?? 0) : `sample ${n + 1}`),
        current: nearestIndex(own, wanted),
        cellWidth,
        cellHeight,
        perImage,
        peek: peeking,
        columns: i === 0 ? columns : columns.map((at) => nearestIndex(own, steps[at]!)),
        style: { map: maps[i]!, signed: one.frames[0]!.record.signed, opacity: strength, smooth, contour: outlined },
        domain: (n) => domainOf(`${of} ${one.tag.tag} ${means ? 'class ' : ''}${n}`, film(n).p99, own.at(-1)!),
      };
    });
  }, [
    ...all.map((one) => one.frames),
    ...trust,
    found,
    cellWidth,
    cellHeight,
    perImage,
    peeking,
    steps,
    count,
    maps.join(' '),
    strength,
    smooth,
    outlined,
    of,
    means,
    wanted,
  ]);
}

const NO_TRUST: readonly Stamped<Trust>[] = [];

function cellSize(frames: Frames, found: Probe | undefined): { cellWidth: number; cellHeight: number } {
  const image = greyImage(found, 0);
  const [, rows = 1, columns = 1] = frames[0]!.record.shape;
  const flat = frames[0]!.record.shape.length < 3;
  const aspect = image ? image.height / image.width : flat ? 0.5 : rows / columns;
  return { cellWidth: CELL, cellHeight: Math.round(CELL * Math.min(1.5, Math.max(0.4, aspect))) };
}

function useRoom(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(880);
  useLayoutEffect(() => {
    const measure = (): void => {
      if (element.current?.clientWidth) setWidth(element.current.clientWidth);
    };
    measure();
    if (typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}

function Note({ samples, view }: { samples: number; view: FilmView }) {
  const { frames, columns, current, perImage, probe: found } = view;
  const [all, shown] = [frames.length, frames[current]!.step];
  const map = sampleFilm(frames, 0).maps[0]!;
  return (
    <div class="explain-note">
      <h1>{headline(view)}</h1>
      <p class="soft">
        {samples} of {frames[current]!.record.shape[0]} samples ·{' '}
        {columns.length === all ? `all ${all} steps` : `${columns.length} of ${all} steps`}
        {` · maps ${map.rows}×${map.columns}`}
        {found && !greyImage(found, 0) && ' · the input is no picture: maps alone'}{' '}
        <Shown wanted={at(snapshotSteps.value) ?? step.value} shown={shown} />
        {perImage && (
          <span class="badge warn" title="Every map is stretched to its own maximum: strengths cannot be compared.">
            shape only
          </span>
        )}
      </p>
    </div>
  );
}

/** How well the network does on the probe at the step shown. */
export function headline({ frames, current, probe: found }: Pick<FilmView, 'frames' | 'current' | 'probe'>): string {
  const { step: shown, record } = frames[current]!;
  const states = record.predictions.map((_, n) => sampleState(record, found, n));
  const judged = states.filter((state) => state.label !== '' && !state.regression);
  if (judged.length === 0) return `What the network looks at, step ${formatStep(shown)}`;
  const wrong = judged.filter((state) => state.wrong).length;
  return wrong === 0
    ? `All ${judged.length} samples right at step ${formatStep(shown)}`
    : `${wrong} of ${judged.length} samples wrong at step ${formatStep(shown)}`;
}

function Nothing() {
  const clear = (): void => {
    wantedClass.value = -1;
    errorsOnly.value = 'no';
    leastConfidence.value = 0;
  };
  return (
    <Empty
      title={
        leastConfidence.value > 0
          ? 'No sample is left by these filters at this step.'
          : errorsOnly.value === 'only'
            ? 'No sample is wrong at this step with these filters.'
            : 'No sample has this class.'
      }
    >
      <button type="button" onClick={clear}>
        Show all samples
      </button>
    </Empty>
  );
}

function FilmList({ rows, views }: { rows: readonly number[]; views: readonly FilmView[] }) {
  const { frames, columns, current, cellWidth, means } = views[0]!;
  return (
    <>
      <div class="film-steps-head" style={{ paddingLeft: `${HEAD_WIDTH}px` }}>
        <div
          class="film-step-buttons"
          style={{ width: `${columns.length * (cellWidth + GAP) - GAP + 2 * MARGIN}px`, paddingLeft: `${MARGIN}px` }}
          role="group"
          aria-label="Steps"
        >
          {columns.map((frame) => (
            <button
              key={frames[frame]!.step}
              type="button"
              aria-pressed={frame === current}
              style={{ width: `${cellWidth}px`, marginRight: `${GAP}px` }}
              onClick={() => goTo(frames[frame]!.step)}
            >
              {formatStep(frames[frame]!.step)}
            </button>
          ))}
        </div>
        <span
          class="mass-title soft"
          title="Sum of |value| over the whole map, before any colour scale: if it falls to 0 the explanation is empty, whatever the colours show."
        >
          total mass
        </span>
        <span
          class="mass-title soft"
          title="Rank correlation of each map with the last one (thick) and with the one before (thin): where the focus moves, and since when it is where it is now."
        >
          like the last
        </span>
      </div>
      <ul class="films" aria-label={means ? 'Classes' : 'Samples'}>
        {rows.map((n) => (
          <FilmRow key={n} n={n} views={views} />
        ))}
      </ul>
    </>
  );
}

const HEADINGS = ['sample', 'true', 'prediction', 'explains', 'wrong', 'total mass', 'where'];

function FilmTable({ samples, view }: { samples: readonly number[]; view: FilmView }) {
  const { step: shown, record } = view.frames[view.current]!;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Explanations as a table">
      <table>
        <caption class="soft">Step {formatStep(shown)}</caption>
        <thead>
          <tr>
            {HEADINGS.map((one) => (
              <th key={one} scope="col">
                {one}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {samples.map((n) => {
            const state = sampleState(record, view.probe, n);
            const film = sampleFilm(view.frames, n);
            const cells = [
              state.label || '–',
              state.prediction,
              state.explains,
              state.wrong ? 'wrong' : '',
              formatMass(film.mass[view.current]!),
              strongestPlace(film.maps[view.current]!),
            ];
            return (
              <tr key={n}>
                <td>
                  <button
                    type="button"
                    class="link"
                    onClick={() => {
                      sample.value = n;
                    }}
                  >
                    {n + 1}
                  </button>
                </td>
                {cells.map((text, i) => (
                  <td key={HEADINGS[i + 1]}>{text}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
