// SPDX-License-Identifier: Apache-2.0
// The scrubber's track: where along training there is something to see.
import type { StepScale } from '../model/steps';
import type { Surface } from './canvas';
import type { Theme } from './theme';

export interface TickData {
  scale: StepScale;
  snapshots: readonly number[];
  statistics: readonly number[];
  /** Where attention jumps. */
  marks?: readonly number[];
  /** Distance of the track's ends from the canvas's sides, in pixels. */
  inset: number;
}

/** Pixel of a step on a track of this width. */
export function tickX(scale: StepScale, step: number, width: number, inset: number): number {
  return inset + scale.toFraction(step) * (width - 2 * inset);
}

/** Short soft ticks for statistics below the track, long ones for explanations above it. */
export function drawTicks(
  context: CanvasRenderingContext2D,
  { scale, snapshots, statistics, marks = [], inset }: TickData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const middle = Math.round(height / 2);
  const mark = (steps: readonly number[], top: number, bottom: number): void => {
    for (const step of steps)
      context.fillRect(Math.round(tickX(scale, step, width, inset)) - 0.5, top, 1, bottom - top);
  };
  context.fillStyle = theme.control;
  mark(statistics, middle + 2, middle + 6);
  context.fillRect(inset, middle - 1, width - 2 * inset, 2);
  context.fillStyle = theme.ink;
  mark(snapshots, middle - 9, middle - 1);
  context.fillStyle = theme.accent;
  for (const step of marks) {
    const x = tickX(scale, step, width, inset);
    context.beginPath();
    context.moveTo(x - 4, middle - 13);
    context.lineTo(x + 4, middle - 13);
    context.lineTo(x, middle - 5);
    context.fill();
  }
}
