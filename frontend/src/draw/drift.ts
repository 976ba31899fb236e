// SPDX-License-Identifier: Apache-2.0
// How alike a sample's maps are over the steps: to the snapshot before, and to the last one.
import type { Surface } from './canvas';
import type { Theme } from './theme';

export interface DriftData {
  steps: readonly number[];
  /** Rank correlations in -1 … 1; NaN: not defined. */
  toPrevious: readonly number[];
  toLast: readonly number[];
  /** Index of the frame shown. */
  current: number;
}

/** Two lines over true step distances, from -1 at the bottom to 1 at the top; 0 is drawn, the frame shown marked. */
export function drawDrift(
  context: CanvasRenderingContext2D,
  { steps, toPrevious, toLast, current }: DriftData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const span = steps.at(-1)! - steps[0]! || 1;
  const x = (i: number): number => 3 + ((steps[i]! - steps[0]!) / span) * (width - 6);
  const y = (value: number): number => 3 + ((1 - value) / 2) * (height - 6);
  context.fillStyle = theme.line;
  context.fillRect(0, Math.round(y(0)), width, 1);
  context.fillStyle = theme.accent;
  context.fillRect(Math.round(x(current)) - 0.5, 0, 1, height);
  line(context, toPrevious, x, y, theme.soft, 1);
  line(context, toLast, x, y, theme.ink, 2);
}

function line(
  context: CanvasRenderingContext2D,
  values: readonly number[],
  x: (i: number) => number,
  y: (value: number) => number,
  colour: string,
  width: number,
): void {
  context.beginPath();
  let down = false;
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      down = false;
      return;
    }
    if (down) context.lineTo(x(i), y(value));
    else context.moveTo(x(i), y(value));
    down = true;
  });
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
