// SPDX-License-Identifier: Apache-2.0
// Two maps in one place: cells side by side, one with a divider between them, or their signed difference.
import type { Grid } from '../wire/wire';
import type { Surface } from './canvas';
import { type Box, drawHeat, type HeatStyle } from './heatmap';
import type { Theme } from './theme';

export interface CompareCell {
  image: CanvasImageSource | null;
  /** null: the picture alone, or nothing where there is none. */
  heat: Grid | null;
  style: HeatStyle;
}

/** One cell that fills its canvas. */
export function drawCell(
  context: CanvasRenderingContext2D,
  cell: CompareCell,
  { width, height }: Surface,
  theme: Theme,
): void {
  context.fillStyle = theme.nothing;
  context.fillRect(0, 0, width, height);
  drawHeat(context, { ...cell, box: { x: 0, y: 0, width, height } });
}

export interface SwipeData {
  left: CompareCell;
  right: CompareCell;
  /** Where the divider is, 0 … 1. */
  share: number;
}

/** Left of the divider one cell, right of it the other, both in the same place. */
export function drawSwipe(
  context: CanvasRenderingContext2D,
  { left, right, share }: SwipeData,
  surface: Surface,
  theme: Theme,
): void {
  const { width, height } = surface;
  const x = Math.round(share * width);
  clipped(context, { x: 0, y: 0, width: x, height }, () => drawCell(context, left, surface, theme));
  clipped(context, { x, y: 0, width: width - x, height }, () => drawCell(context, right, surface, theme));
  context.fillStyle = '#000';
  context.fillRect(x - 2, 0, 4, height);
  context.fillStyle = '#fff';
  context.fillRect(x - 1, 0, 2, height);
}

function clipped(context: CanvasRenderingContext2D, { x, y, width, height }: Box, draw: () => void): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  draw();
  context.restore();
}
