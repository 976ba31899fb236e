// SPDX-License-Identifier: Apache-2.0
// The chosen sample's films as files: PNG of what is shown, GIF of all steps, CSV of all values.
import { formatMass } from '../../model/format';
import { mapState } from '../../model/maps/compare';
import { sampleState } from '../../model/maps/explain';
import { isUnstable } from '../../model/maps/trust';
import { FAILS_RANDOMISATION } from '../../model/methods';
import { formatStep } from '../../model/steps';
import { failsRandomisation, tagLabel } from '../../state/descriptions';
import { run } from '../../state/store';
import { sampleImage, imagesReady } from '../../ui/bitmaps';
import { csvOf, fileName } from '../../ui/files/csv';
import type { ExportKind } from '../../ui/files/menu';
import { gifOf, pngOf, save, type Sheet, type SheetCell, type SheetRow } from '../../ui/files/picture';
import { theme } from '../../ui/styles/theme';
import { FEW_LEVELS, type FilmView, mostOf, trustAt } from './film_view';

export async function exportFilm(kind: ExportKind, views: readonly FilmView[], n: number): Promise<void> {
  const name = fileName(
    [run.value, views.map((view) => view.tag.method).join('-'), views[0]!.tag.layer, `sample${n + 1}`],
    kind,
  );
  if (kind === 'csv') return save(new Blob([csvOfFilms(views, n)], { type: 'text/csv' }), name);
  await imagesReady([views[0]!.probe], [n]);
  if (kind === 'png')
    return save(
      await pngOf(
        sheetOf(views, n, (view) => view.columns, 64),
        theme.value,
      ),
      name,
    );
  const sheets = views[0]!.frames.map((frame) =>
    sheetOf(views, n, (view) => [lastAt(view, frame.step)], 224, frame.step),
  );
  save(await gifOf(sheets, theme.value), name);
}

function csvOfFilms(views: readonly FilmView[], n: number): string {
  return csvOf(
    views.flatMap((view) => view.frames.map(({ step, record }) => ({ run: run.value, step, record, samples: [n] }))),
  );
}

function lastAt(view: FilmView, step: number): number {
  return Math.max(
    0,
    view.frames.findLastIndex((one) => one.step <= step),
  );
}

function sheetOf(
  views: readonly FilmView[],
  n: number,
  columns: (view: FilmView) => readonly number[],
  wide: number,
  at?: number,
): Sheet {
  const view = views[0]!;
  const state = sampleState(view.frames[at === undefined ? view.current : lastAt(view, at)]!.record, view.probe, n);
  const title = `${run.value} · sample ${n + 1}${state.label && ` · true ${state.label}`} · says ${state.prediction}${at === undefined ? '' : ` · step ${formatStep(at)}`}`;
  const height = Math.round((wide * view.cellHeight) / view.cellWidth);
  return { title, cell: { width: wide, height }, rows: views.map((one) => rowOf(one, n, columns(one))) };
}

function rowOf(view: FilmView, n: number, columns: readonly number[]): SheetRow {
  const film = view.film(n);
  const unstable = isUnstable(trustAt(view)?.record, n);
  const cells = columns.map(
    (frame): SheetCell => ({
      image: sampleImage(view.probe, n),
      heat: film.maps[frame]!,
      note: mapState(film.maps[frame]!),
      words: `step ${formatStep(view.frames[frame]!.step)}`,
      style: { ...view.style, most: mostOf(view, film, n, frame), levels: unstable ? FEW_LEVELS : undefined },
    }),
  );
  const warning = `${failsRandomisation(view.tag.method) ? ` · ${FAILS_RANDOMISATION}` : ''}${unstable ? ' · unstable' : ''}`;
  const most = view.perImage ? 'p99 of each map' : formatMass(view.domain(n).most);
  return {
    title: `${tagLabel(view.tag)}${warning}`,
    cells,
    legend: { most, unit: view.perImage ? '(shape only)' : 'p99 over all steps', style: cells[0]!.style },
  };
}
