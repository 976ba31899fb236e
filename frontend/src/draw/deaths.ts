// SPDX-License-Identifier: Apache-2.0
// The units of a layer in the order of their deaths: a stair that grows as they die, over true steps.
import { formatStep, type StepScale } from '../model/steps';
import type { Surface } from './canvas';
import type { Theme } from './theme';

const AXIS = 14;

export interface DeathData {
  /** Number of dead units from each column on. */
  dead: readonly number[];
  units: number;
  firstSteps: readonly number[];
  scale: StepScale;
  marks: readonly { step: number; name: string }[];
}

export function drawDeaths(
  context: CanvasRenderingContext2D,
  data: DeathData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const ground = height - AXIS;
  const x = (step: number): number => Math.round(data.scale.toFraction(step) * width);
  context.fillStyle = theme.nothing;
  context.fillRect(0, 0, width, ground);
  context.fillStyle = theme.error;
  data.firstSteps.forEach((step, i) => {
    const next = data.firstSteps[i + 1];
    const tall = Math.round((data.dead[i]! / Math.max(1, data.units)) * ground);
    if (tall > 0)
      context.fillRect(x(step), ground - tall, Math.max(1, (next === undefined ? width : x(next)) - x(step)), tall);
  });
  data.marks.forEach((mark) => drawMark(context, x(mark.step), ground, mark, theme));
  nameEnds(context, data, width, height, theme);
}

/** A line with its name at the foot: A blue, B and others in the accent, as everywhere in the drawer. */
function drawMark(
  context: CanvasRenderingContext2D,
  at: number,
  ground: number,
  { name, step }: { name: string; step: number },
  theme: Theme,
): void {
  context.fillStyle = theme.page;
  context.fillRect(at - 1.5, 0, 4, ground);
  context.fillStyle = name === 'A' ? theme.lineA : theme.lineB;
  context.fillRect(at - 0.5, 0, 2, ground + 3);
  if (!name) return;
  context.font = '600 10px Roboto, sans-serif';
  context.textAlign = name === 'A' ? 'right' : 'left';
  context.fillText(`${name} ${formatStep(step)}`, name === 'A' ? at + 1 : at, ground + AXIS - 2);
}

/** First and last step, where no mark's name is in the way. */
function nameEnds(
  context: CanvasRenderingContext2D,
  { firstSteps, marks, scale }: DeathData,
  width: number,
  height: number,
  theme: Theme,
): void {
  const free = (from: number, to: number): boolean =>
    marks.every(({ step }) => scale.toFraction(step) * width < from || scale.toFraction(step) * width > to);
  context.font = '10px Roboto, sans-serif';
  context.fillStyle = theme.soft;
  context.textAlign = 'left';
  if (free(0, 90)) context.fillText(formatStep(firstSteps[0]!), 0, height - 2);
  context.textAlign = 'right';
  if (free(width - 90, width)) context.fillText(formatStep(firstSteps.at(-1)!), width, height - 2);
}
