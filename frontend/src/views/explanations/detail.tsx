// SPDX-License-Identifier: Apache-2.0
// The chosen sample at the current step, large, with everything needed to judge the picture.
import { useCallback } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawHeat } from '../../draw/heatmap';
import { formatMass } from '../../model/format';
import { mapState } from '../../model/maps/compare';
import {
  peakOf,
  resolutionNote,
  sampleFilm,
  type SampleFilm,
  sampleState,
  strongestPlace,
} from '../../model/maps/explain';
import { badgesOf, isUnstable } from '../../model/maps/trust';
import { FAILS_RANDOMISATION } from '../../model/methods';
import { formatStep } from '../../model/steps';
import { failsRandomisation, methodMeaning, methodName } from '../../state/descriptions';
import { stepA, stepB } from '../../state/selection';
import { Shown } from '../../ui/async';
import { sampleImage } from '../../ui/bitmaps';
import { useLate } from '../../ui/frame_budget';
import { HeatLegend } from '../../ui/heat_controls';
import { lazily } from '../../ui/lazy';
import { Picture } from '../../ui/picture';
import { CompareSteps } from '../../ui/steps_ab';
import type { Grid } from '../../wire/wire';
import { FEW_LEVELS, filmDrift, type FilmView, settledWords, trustAt } from './film_view';
import { WordsOrBars } from './words_bars';

const WIDTH = 288;

export function ExplainDetail({ n, view: wanted }: { n: number; view: FilmView }) {
  const view = useLate(wanted, false);
  const { step, record } = view.frames[view.current]!;
  const film = sampleFilm(view.frames, n);
  const map = film.maps[view.current]!;
  const most = view.perImage ? peakOf(map) : view.means ? film.p99 : view.domain(n).most;
  const flat = mapState(map);
  const state = sampleState(record, view.probe, n);
  return (
    <aside class="explain-detail" aria-label={`Sample ${n + 1} at step ${step}`}>
      <h2>
        Sample {n + 1} at step {formatStep(step)}
        {view.perImage && <span class="badge warn">shape only</span>}
      </h2>
      <Large
        n={n}
        view={view}
        map={map}
        most={most}
        label={`${methodName(record.method)} of sample ${n + 1} at step ${step}: ${strongestPlace(map)}; explains ${state.explains}.`}
      />
      <p class="detail-legend">
        <HeatLegend
          map={view.style.map}
          signed={view.style.signed}
          heat={map}
          most={formatMass(most)}
          unit={view.perImage ? 'p99 of this map' : 'p99 over all steps'}
        />
      </p>
      <p>
        Explains {state.explains}. {state.regression ? '' : <>The network says {state.prediction}.</>}
      </p>
      {flat && <p class="wrong">▲ This map is {flat}: it says nothing about where.</p>}
      {state.label && (
        <p>
          {state.regression ? 'Target' : 'True class'}: {state.label}.{' '}
          {state.wrong && <strong class="wrong">✗ wrong</strong>}
        </p>
      )}
      {map.rows === 1 && view.probe?.kind !== 'series' && (
        <WordsOrBars
          n={n}
          map={map}
          probe={view.probe}
          most={most}
          signed={view.style.signed}
          colours={view.style.map}
        />
      )}
      <TrustFacts n={n} view={view} />
      <TwoSteps n={n} view={view} />
      <Facts n={n} view={view} film={film} map={map} />
    </aside>
  );
}

function Large({ n, view, map, most, label }: { n: number; view: FilmView; map: Grid; most: number; label: string }) {
  const image = sampleImage(view.probe, n);
  const aspect = image ? image.height / image.width : map.rows === 1 ? 48 / WIDTH : map.rows / map.columns;
  const height = Math.min(360, Math.max(48, Math.round(WIDTH * aspect)));
  const few = isUnstable(trustAt(view)?.record, n);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, { width, height: tall }: Surface) => {
      const heat = view.peek && image ? null : map;
      drawHeat(context, {
        image,
        heat,
        style: { ...view.style, most, levels: few ? FEW_LEVELS : undefined },
        box: { x: 0, y: 0, width, height: tall },
      });
    },
    [view, image, map, most, few],
  );
  return <Picture width={WIDTH} height={height} draw={draw} label={label} />;
}

function Facts({ n, view, film, map }: { n: number; view: FilmView; film: SampleFilm; map: Grid }) {
  const { record } = view.frames[view.current]!;
  const { refitAt } = view.domain(n);
  const mass = film.mass[view.current]!;
  const facts: [string, string][] = [
    ['method', methodName(record.method)],
    [
      'focus',
      settledWords(
        filmDrift({ ...view, film: (i) => sampleFilm(view.frames, i) }, n).rankToLast,
        view.frames.map((one) => one.step),
      ),
    ],
    ['layer', `${record.layer || 'input'}${record.calls > 1 ? `, call ${record.call} of ${record.calls}` : ''}`],
    ['native resolution', resolutionNote(map, view.style.smooth && map.rows > 1)],
    ['total mass', `${formatMass(mass)} (largest ${formatMass(Math.max(...film.mass.filter(Number.isFinite), 0))})`],
    ['probe', record.probe.slice(0, 8) || '–'],
  ];
  if (refitAt !== undefined && !view.perImage) facts.push(['scale', `fitted anew at step ${formatStep(refitAt)}`]);
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name} title={name === 'method' ? methodMeaning(record.method) : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Deletion, insertion, stability, randomisation, gap: numbers, or why there are none. */
function TrustFacts({ n, view }: { n: number; view: FilmView }) {
  const found = trustAt(view);
  const at = view.frames[view.current]!.step;
  const badges = badgesOf(found?.record, n);
  const all = badges.filter((one) => one.reason);
  return (
    <section aria-label="How far to believe it">
      <h3>
        How far to believe it {found && <Shown wanted={at} shown={found.step} />}
        {isUnstable(found?.record, n) && <span class="badge warn">unstable</span>}
      </h3>
      {failsRandomisation(view.tag.method) && (
        <p class="wrong">
          ▲ {methodName(view.tag.method)} {FAILS_RANDOMISATION}.
        </p>
      )}
      {!found ? (
        <p class="soft">Not measured: {all[0]?.reason}.</p>
      ) : (
        <dl class="facts">
          {badges.map((one) => (
            <div key={one.name} title={one.meaning}>
              <dt>{one.name}</dt>
              <dd class={one.reason ? 'soft' : undefined}>{one.reason ? `not measured: ${one.reason}` : one.text}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const SampleAB = lazily('The comparison of two steps', () => import('./sample_ab').then((one) => one.SampleAB));

/** A and B as in the layers' drawer; with A set, both steps of this sample. */
function TwoSteps({ n, view }: { n: number; view: FilmView }) {
  const a = stepA.value;
  return (
    <section aria-label="Two steps of this sample">
      <h3>Two steps</h3>
      <CompareSteps />
      {a !== null && <SampleAB n={n} view={view} a={a} b={stepB.value ?? view.frames[view.current]!.step} />}
    </section>
  );
}
