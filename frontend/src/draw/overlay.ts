// SPDX-License-Identifier: Apache-2.0
// One query's attention laid over the picture that the tokens were cut from.
import type { Grid } from '../wire/wire';
import type { Surface } from './canvas';
import { drawHeat, type HeatStyle } from './heatmap';
import type { Theme } from './theme';

export interface Patches {
  rows: number;
  columns: number;
  /** Tokens before the grid, such as the class token. */
  prefix: number;
}

/** One query's weights on the patches; null if the keys are not prefix + grid (pooled, or no picture). */
export function patchRow(matrix: Grid, query: number, { rows, columns, prefix }: Patches): Grid | null {
  if (rows * columns === 0 || matrix.columns !== prefix + rows * columns || query >= matrix.rows) return null;
  const start = query * matrix.columns + prefix;
  return { rows, columns, values: matrix.values.slice(start, start + rows * columns) };
}

export interface OverlayData {
  image: CanvasImageSource | null;
  heat: Grid | null;
  style: HeatStyle;
  patches: Patches;
  /** Token index of the query, prefix included. */
  query: number;
}

/** The picture, the row's heat on native patches, and a frame around the patch that asks. */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  { image, heat, style, patches, query }: OverlayData,
  { width, height }: Surface,
  theme: Theme,
): void {
  drawHeat(context, { image, heat, style, box: { x: 0, y: 0, width, height } });
  const patch = query - patches.prefix;
  if (patch < 0) return;
  const [w, h] = [width / patches.columns, height / patches.rows];
  const [x, y] = [(patch % patches.columns) * w, Math.floor(patch / patches.columns) * h];
  context.lineWidth = 4;
  context.strokeStyle = '#000';
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
  context.lineWidth = 2;
  context.strokeStyle = theme.accent;
  context.strokeRect(x + 1, y + 1, w - 2, h - 2);
}
