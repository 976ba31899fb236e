// SPDX-License-Identifier: Apache-2.0
// What the network looks at, and when that changed: films first, one step large beside them.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { GAP, MARGIN } from '../../draw/film';
import { jumps, totalDrift } from '../../model/maps/drift';
import { type Frames, sampleFilm, sampleState } from '../../model/maps/explain';
import { rowsOf, samplesByClass } from '../../model/maps/rows';
import { chosenTag } from '../../model/methods';
import { formatStep } from '../../model/steps';
import { goTo } from '../../state/clock';
import { layer, method, sample } from '../../state/selection';
import { at, attributionTags, loadAttributions, markedSteps, probe, run, snapshotSteps, step } from '../../state/store';
import { Async, Empty, Missing, Shown } from '../../ui/async';
import { sampleImage, hasRegions } from '../../ui/bitmaps';
import { ExportButtons } from '../../ui/files/menu';
import { addStyle } from '../../ui/styles/styles';
import { TableToggle } from '../../ui/table_toggle';
import type { Tag } from '../../wire/api';
import type { Probe } from '../../wire/schema_pb';
import { errorsOnly, HowControls, leastConfidence, MoreMethods, sortRows, wantedClass, WhatControls } from './controls';
import { ExplainDetail } from './detail';
import { FilmRow } from './film_row';
import { FilmTable } from './film_table';
import { filmDrift, type FilmView } from './film_view';
import { HEAD_WIDTH, useFilmViews, useRoom } from './film_views';
import css from './explanations.css?inline';

addStyle(css);

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
        <TableToggle on={asTable} />
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
        {found && !sampleImage(found, 0) && ' · the input is no picture: maps alone'}{' '}
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

/** The chosen sample's films with step, scale and legend; CSV holds the values of its maps and scores. */
function Export({ views, n }: { views: readonly FilmView[]; n: number }) {
  const row = views[0]!.means ? -1 : n;
  if (row < 0) return null;
  return (
    <ExportButtons
      what={`the films of sample ${n + 1}`}
      write={async (kind) => (await import('./export')).exportFilm(kind, views, n)}
    />
  );
}
