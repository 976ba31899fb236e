// SPDX-License-Identifier: Apache-2.0
// Marks on a strip where rules fire: a square is an error, a triangle a warning, a circle a remark.
import type { Severity } from '../model/findings';
import type { StepScale } from '../model/steps';
import type { Surface } from './canvas';
import type { Theme } from './theme';

/** Where a finding begins. */
export interface Fire {
  key: string;
  row: number;
  step: number;
  severity: Severity;
}

export interface FireData {
  fires: readonly Fire[];
  scale: StepScale;
  rowHeight: number;
}

export interface PlacedFire extends Fire {
  x: number;
  y: number;
}

const SIZE = 5;
const REACH = 9;

/** Centres of the marks in pixels; those that would cover one another stand side by side. */
export function placeFires({ fires, scale, rowHeight }: FireData, width: number): PlacedFire[] {
  const placed: PlacedFire[] = [];
  for (const fire of fires) {
    let x = within(scale.toFraction(fire.step) * width, width);
    const y = (fire.row + 0.5) * rowHeight;
    const covers = (one: PlacedFire): boolean => one.row === fire.row && Math.abs(one.x - x) < 2 * SIZE + 2;
    while (placed.some(covers) && x < width - SIZE - 1) x = within(x + 2 * SIZE + 2, width);
    placed.push({ ...fire, x, y });
  }
  return placed;
}

function within(x: number, width: number): number {
  return Math.min(width - SIZE - 1, Math.max(SIZE + 1, Math.round(x)));
}

/** The mark under a point, the nearest one; undefined where none is in reach. */
export function fireAt(data: FireData, width: number, x: number, y: number): PlacedFire | undefined {
  const distance = (one: PlacedFire): number => Math.hypot(one.x - x, one.y - y);
  return placeFires(data, width)
    .filter((one) => distance(one) <= REACH)
    .sort((a, b) => distance(a) - distance(b))[0];
}

export function drawFires(context: CanvasRenderingContext2D, data: FireData, { width }: Surface, theme: Theme): void {
  const size = Math.min(SIZE, data.rowHeight / 2 - 1.5);
  for (const fire of placeFires(data, width)) {
    outline(context, fire, size + 2);
    context.fillStyle = theme.page;
    context.fill();
    outline(context, fire, size);
    context.fillStyle = colourOfSeverity(fire.severity, theme);
    context.fill();
  }
}

export function colourOfSeverity(severity: Severity, theme: Theme): string {
  if (severity === 'error') return theme.error;
  return severity === 'warning' ? theme.warning : theme.lineA;
}

function outline(context: CanvasRenderingContext2D, { x, y, severity }: PlacedFire, size: number): void {
  context.beginPath();
  if (severity === 'error') context.rect(x - size + 0.5, y - size + 0.5, 2 * size - 1, 2 * size - 1);
  else if (severity === 'info') context.arc(x, y, size, 0, 2 * Math.PI);
  else {
    context.moveTo(x, y - size - 0.5);
    context.lineTo(x + size + 0.5, y + size - 0.5);
    context.lineTo(x - size - 0.5, y + size - 0.5);
    context.closePath();
  }
}
