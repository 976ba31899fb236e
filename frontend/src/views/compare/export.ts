// SPDX-License-Identifier: Apache-2.0
// A comparison as files: PNG of all samples at the steps shown, GIF of one sample over all steps, CSV of all values shown.
import { formatMass } from '../../model/format';
import { mapState, sampleCountOf, type Side, type Unit } from '../../model/maps/compare';
import { formatStep, nearestIndex, union } from '../../model/steps';
import { tagLabel } from '../../state/descriptions';
import { imagesReady } from '../../ui/bitmaps';
import { csvOf, fileName } from '../../ui/files/csv';
import type { ExportKind } from '../../ui/files/menu';
import { gifOf, pngOf, save, type Sheet, type SheetCell, type SheetRow } from '../../ui/files/picture';
import { differenceCell, numbersOf, rowOf, sideCell, unitWords } from '../../ui/maps/cells';
import { theme } from '../../ui/styles/theme';

export async function exportCompare(
  kind: ExportKind,
  sides: readonly Side[],
  n: number,
  unit: Unit,
  same: boolean,
): Promise<void> {
  const { record } = sides[0]!.frames[sides[0]!.index]!;
  const all = Array.from({ length: sampleCountOf(sides) }, (_, i) => i);
  await imagesReady(
    sides.map((side) => side.probe),
    kind === 'gif' ? [n] : all,
  );
  const name = fileName(
    [...sides.map((side) => side.name), record.method, record.layer, ...(kind === 'gif' ? [`sample${n + 1}`] : [])],
    kind,
  );
  if (kind === 'csv') {
    const frames = sides.map((side) => ({
      run: side.run,
      step: side.frames[side.index]!.step,
      record: side.frames[side.index]!.record,
      samples: all,
    }));
    return save(new Blob([csvOf(frames)], { type: 'text/csv' }), name);
  }
  if (kind === 'png') return save(await pngOf(sheetOf(sides, all, unit, same, 96), theme.value), name);
  const steps = union(sides.map((side) => side.frames.map((one) => one.step)));
  const at = (step: number): Side[] =>
    sides.map((side) => ({
      ...side,
      index: nearestIndex(
        side.frames.map((one) => one.step),
        step,
      ),
    }));
  save(
    await gifOf(
      steps.map((step) => sheetOf(at(step), [n], unit, same, 192)),
      theme.value,
    ),
    name,
  );
}

function sheetOf(sides: readonly Side[], samples: readonly number[], unit: Unit, same: boolean, wide: number): Sheet {
  const { record } = sides[0]!.frames[sides[0]!.index]!;
  const title = `${tagLabel(record)} · ${sides.map((side) => `${side.letter} ${side.name} step ${formatStep(side.frames[side.index]!.step)}`).join(' · ')}${same ? '' : ' · probes differ'}`;
  return { title, cell: { width: wide, height: wide }, rows: samples.map((n) => sheetRow(sides, n, unit, same)) };
}

function sheetRow(sides: readonly Side[], n: number, unit: Unit, same: boolean): SheetRow {
  const row = rowOf(sides, n, unit);
  const [scores, overlap, rank] = numbersOf(sides, row).map((lines) => lines.filter(Boolean).join(', '));
  const own = sides.map(
    (side, i): SheetCell => ({ ...sideCell(side, row, i), words: side.letter, note: mapState(row.maps[i]!) }),
  );
  const differences = sides
    .slice(1)
    .map((side, i): SheetCell => ({ ...differenceCell(sides, row, i + 1, same), words: `${side.letter} − A` }));
  return {
    title: `sample ${n + 1} · ${scores} · IoU ${overlap} · rank ${rank}`,
    cells: [...own, ...differences],
    legend: {
      most: formatMass(row.most),
      unit: `${unitWords()}, p99 over all sides and steps; differences ± the same, blue: more in A`,
      style: own[0]!.style,
    },
  };
}
