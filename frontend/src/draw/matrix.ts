// SPDX-License-Identifier: Apache-2.0
// Attention as matrices: queries against keys, and layers against heads.
import { type ColourMapName, colourOf, inkOn, mapUnsigned, NOT_A_NUMBER } from '../model/color';
import type { Grid } from '../wire/wire';
import type { Surface } from './canvas';
import { drawHeat } from './heatmap';
import type { Theme } from './theme';

export interface MatrixData {
  grid: Grid;
  most: number;
  map: ColourMapName;
  /** The query whose row is picked out; -1: none. */
  query: number;
}

/** Queries downwards, keys to the right, filling the surface. */
export function drawMatrix(
  context: CanvasRenderingContext2D,
  { grid, most, map, query }: MatrixData,
  { width, height }: Surface,
  theme: Theme,
): void {
  drawHeat(context, {
    image: null,
    heat: grid,
    box: { x: 0, y: 0, width, height },
    style: { most, map, signed: false, opacity: 1, smooth: false, contour: false },
  });
  if (query < 0 || query >= grid.rows) return;
  const row = height / grid.rows;
  context.strokeStyle = theme.dark ? '#fff' : '#000';
  context.lineWidth = 1;
  context.strokeRect(0.5, Math.floor(query * row) + 0.5, width - 1, Math.max(2, Math.ceil(row) - 1));
  context.strokeStyle = theme.accent;
  context.strokeRect(1.5, Math.floor(query * row) - 0.5, width - 3, Math.max(4, Math.ceil(row) + 1));
}

/** Which cell of `rows` × `columns` lies under a place; undefined outside. */
export function matrixCell(
  x: number,
  y: number,
  width: number,
  height: number,
  rows: number,
  columns: number,
): { row: number; column: number } | undefined {
  const [row, column] = [Math.floor((y / height) * rows), Math.floor((x / width) * columns)];
  return row >= 0 && column >= 0 && row < rows && column < columns ? { row, column } : undefined;
}

/** One cell's colours for the layer × head grid: what is behind the number, and the number's own. */
export function entropyColours(value: number, map: ColourMapName = 'cividis'): { background: string; ink: string } {
  const colour = mapUnsigned(map, value, 1);
  return Number.isFinite(value)
    ? { background: colourOf(map, value), ink: inkOn(colour) }
    : { background: `rgb(${NOT_A_NUMBER.join(' ')})`, ink: '#000' };
}
