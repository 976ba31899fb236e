// SPDX-License-Identifier: Apache-2.0
// The chosen sample at the current step, large, with everything needed to judge the picture.
import { useCallback } from 'preact/hooks';
import type { Surface } from '../draw/canvas';
import { drawHeat } from '../draw/heatmap';
import { resolutionNote, sampleFilm, sampleState, strongestPlace, type SampleFilm } from '../explain';
import type { Probe } from '../schema_pb';
import { formatStep } from '../steps';
import type { Grid } from '../wire';
import { greyImage } from './bitmaps';
import { HeatLegend, methodName } from './explain_controls';
import { formatMass, mostOf, type FilmView } from './film_row';
import { Picture } from './parts';

const WIDTH = 288;

export function ExplainDetail({ n, view }: { n: number; view: FilmView }) {
  const { step, record } = view.frames[view.current]!;
  const film = sampleFilm(view.frames, n);
  const map = film.maps[view.current]!;
  const most = mostOf(view, film, n, view.current);
  const state = sampleState(record, view.probe, n);
  return (
    <aside class="explain-detail" aria-label={`Sample ${n + 1} at step ${step}`}>
      <h2>Sample {n + 1} at step {formatStep(step)}{view.perImage && <span class="badge warn">shape only</span>}</h2>
      <Large n={n} view={view} map={map} most={most} label={`${methodName(record.method)} of sample ${n + 1} at step ${step}: ${strongestPlace(map)}; explains ${state.explains}.`} />
      <p class="detail-legend"><HeatLegend map={view.style.map} signed={view.style.signed} heat={map} most={formatMass(most)} unit={view.perImage ? 'p99 of this map' : 'p99 over all steps'} /></p>
      <p>Explains {state.explains}.{' '}{state.regression ? '' : <>The network says {state.prediction}.</>}</p>
      {state.label && <p>{state.regression ? 'Target' : 'True class'}: {state.label}. {state.wrong && <strong class="wrong">✗ wrong</strong>}</p>}
      <Facts n={n} view={view} film={film} map={map} />
      {map.rows === 1 && <Strongest n={n} map={map} probe={view.probe} />}
    </aside>
  );
}

function Large({ n, view, map, most, label }: { n: number; view: FilmView; map: Grid; most: number; label: string }) {
  const image = greyImage(view.probe, n);
  const aspect = image ? image.height / image.width : map.rows === 1 ? 48 / WIDTH : map.rows / map.columns;
  const height = Math.min(360, Math.max(48, Math.round(WIDTH * aspect)));
  const draw = useCallback((context: CanvasRenderingContext2D, { width, height: tall }: Surface) => {
    const heat = view.peek && image ? null : map;
    drawHeat(context, { image, heat, style: { ...view.style, most }, box: { x: 0, y: 0, width, height: tall } });
  }, [view, image, map, most]);
  return <Picture width={WIDTH} height={height} draw={draw} label={label} />;
}

function Facts({ n, view, film, map }: { n: number; view: FilmView; film: SampleFilm; map: Grid }) {
  const { record } = view.frames[view.current]!;
  const { refitAt } = view.domain(n);
  const mass = film.mass[view.current]!;
  const facts: [string, string][] = [
    ['method', methodName(record.method)],
    ['layer', `${record.layer || 'input'}${record.calls > 1 ? `, call ${record.call} of ${record.calls}` : ''}`],
    ['native resolution', resolutionNote(map, view.style.smooth && map.rows > 1)],
    ['total mass', `${formatMass(mass)} (largest ${formatMass(Math.max(...film.mass.filter(Number.isFinite), 0))})`],
    ['probe', record.probe.slice(0, 8) || '–'],
  ];
  if (refitAt !== undefined && !view.perImage) facts.push(['scale', `fitted anew at step ${formatStep(refitAt)}`]);
  return <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/** The strongest inputs by name, where the input is no picture. */
function Strongest({ n, map, probe }: { n: number; map: Grid; probe: Probe | undefined }) {
  const order = Array.from(map.values.keys()).filter((i) => Number.isFinite(map.values[i]!)).sort((a, b) => Math.abs(map.values[b]!) - Math.abs(map.values[a]!));
  return (
    <table class="strongest">
      <caption class="soft">Strongest inputs. This input is no picture, so its map is drawn alone.</caption>
      <tbody>{order.slice(0, 8).map((i) => <tr key={i}><td>{inputName(probe, n, i)}</td><td>{formatMass(map.values[i]!)}</td></tr>)}</tbody>
    </table>
  );
}

/** What input `i` of sample `n` is called. */
export function inputName(probe: Probe | undefined, n: number, i: number): string {
  return probe?.tokens[n]?.tokens[i] ?? probe?.featureNames[i] ?? `input ${i + 1}`;
}
