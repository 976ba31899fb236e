// SPDX-License-Identifier: Apache-2.0
// A statistic over layers and steps as coloured strips: one row a layer, true step spacing.
import { type ColourMapName, colourOf } from '../model/color';
import type { StepScale } from '../model/steps';
import type { Surface } from './canvas';
import type { Theme } from './theme';

export interface StripData {
  /** One list of fractions 0 … 1 a row, a value a column; NaN: no value. */
  rows: readonly ArrayLike<number>[];
  firstSteps: readonly number[];
  scale: StepScale;
  map: ColourMapName;
  /** Marked steps, e.g. the one shown. */
  marks: readonly { step: number; name?: string }[];
  rowHeight: number;
}

/** Left edges of the columns in whole pixels (no hairlines between them), and the right edge of the last. */
export function columnEdges({ firstSteps, scale }: Pick<StripData, 'firstSteps' | 'scale'>, width: number): number[] {
  return [...firstSteps.map((step) => Math.round(scale.toFraction(step) * width)), width];
}

/** Where a strip's time axis ends: one usual gap after the last step, so that the last column has room. */
export function stripEnd(firstSteps: readonly number[]): number {
  const gaps = firstSteps
    .slice(1)
    .map((step, i) => step - firstSteps[i]!)
    .sort((a, b) => a - b);
  return (firstSteps.at(-1) ?? 0) + (gaps[gaps.length >> 1] ?? 1);
}

export function drawStrip(
  context: CanvasRenderingContext2D,
  data: StripData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const edges = columnEdges(data, width);
  const gap = data.rowHeight > 6 ? 1 : 0;
  data.rows.forEach((row, r) =>
    drawRow(context, row, edges, r * data.rowHeight, data.rowHeight - gap, data.map, theme),
  );
  for (const mark of data.marks) {
    const x = Math.round(data.scale.toFraction(mark.step) * width);
    drawMark(context, x, height, mark.name, theme);
  }
}

function drawRow(
  context: CanvasRenderingContext2D,
  row: ArrayLike<number>,
  edges: number[],
  top: number,
  height: number,
  map: ColourMapName,
  theme: Theme,
): void {
  const level = (column: number): number => {
    const value = row[column]!;
    return Number.isNaN(value) ? -1 : Math.round(Math.min(1, Math.max(0, value)) * 255);
  };
  let start = 0;
  for (let column = 1; column <= row.length; column++) {
    if (column < row.length && level(column) === level(start)) continue;
    const of = level(start);
    context.fillStyle = of < 0 ? theme.nothing : colourOf(map, of / 255);
    context.fillRect(edges[start]!, top, Math.max(1, edges[column]! - edges[start]!), height);
    start = column;
  }
}

/** A thin line with a halo that shows on every colour. */
function drawMark(
  context: CanvasRenderingContext2D,
  x: number,
  height: number,
  name: string | undefined,
  theme: Theme,
): void {
  context.fillStyle = theme.page;
  context.fillRect(x - 1.5, 0, 3, height);
  context.fillStyle = theme.accent;
  context.fillRect(x - 0.5, 0, 1, height);
  if (!name) return;
  context.font = '600 10px Roboto, sans-serif';
  context.fillText(name, x + 3, 10);
}
