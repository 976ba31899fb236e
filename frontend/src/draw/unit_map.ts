// SPDX-License-Identifier: Apache-2.0
// A layer's units as squares: how often each is active at one step, and which are dead.
import { colourOf } from '../model/color';
import type { Surface } from './canvas';
import type { Theme } from './theme';

export interface UnitMapData {
  /** Share of samples in which each unit is active; NaN: not known. */
  live: ArrayLike<number>;
  cell: number;
}

/** How many squares fit side by side. */
export function unitsPerRow(width: number, cell: number): number {
  return Math.max(1, Math.floor(width / cell));
}

/** The unit whose square holds a point; -1 for none. */
export function unitAt(x: number, y: number, width: number, cell: number, units: number): number {
  const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
  const unit = row * unitsPerRow(width, cell) + column;
  return x >= 0 && y >= 0 && column < unitsPerRow(width, cell) && unit < units ? unit : -1;
}

export function drawUnitMap(
  context: CanvasRenderingContext2D,
  { live, cell }: UnitMapData,
  { width }: Surface,
  theme: Theme,
): void {
  const across = unitsPerRow(width, cell);
  for (let unit = 0; unit < live.length; unit++) {
    const x = (unit % across) * cell;
    const y = Math.floor(unit / across) * cell;
    const share = live[unit]!;
    if (share === 0) drawDead(context, x, y, cell, theme);
    else {
      context.fillStyle = Number.isNaN(share) ? theme.nothing : colourOf('viridis', share);
      context.fillRect(x, y, cell - 1, cell - 1);
    }
  }
}

/** Dead: a crossed box, so that it does not depend on colour. */
function drawDead(context: CanvasRenderingContext2D, x: number, y: number, cell: number, theme: Theme): void {
  context.fillStyle = theme.error;
  context.fillRect(x, y, cell - 1, cell - 1);
  context.strokeStyle = theme.page;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x + 2, y + 2);
  context.lineTo(x + cell - 3, y + cell - 3);
  context.moveTo(x + cell - 3, y + 2);
  context.lineTo(x + 2, y + cell - 3);
  context.stroke();
}
