// SPDX-License-Identifier: Apache-2.0
// A film: one sample's maps at several steps side by side, all on one scale, so that change can be seen
// without memory. Beside it the total mass, so that no scale can hide a collapse.
import type { Grid } from '../wire/wire';
import type { Surface } from './canvas';
import { type Box, drawHeat, type HeatStyle } from './heatmap';
import type { Theme } from './theme';

export const GAP = 4;

/** Room above and below a cell for the frame of the current step. */
export const MARGIN = 3;

/** How many cells fit. */
export function columnsThatFit(width: number, cell: number): number {
  return Math.max(1, Math.floor((width + GAP) / (cell + GAP)));
}

/** Which of the ascending steps a film of `count` cells shows: the first, the current and the last always, the others evenly by step value. */
export function filmFrames(steps: readonly number[], current: number, count: number): number[] {
  if (steps.length <= count) return steps.map((_, i) => i);
  const chosen = new Set<number>();
  for (const index of [current, steps.length - 1, 0]) {
    if (chosen.size < count && index >= 0) chosen.add(index);
  }
  const [first, last] = [steps[0]!, steps.at(-1)!];
  for (let i = 1; chosen.size < count && i < count - 1; i++)
    add(chosen, steps, first + ((last - first) * i) / (count - 1));
  for (let i = 0; chosen.size < count && i < steps.length; i++) chosen.add(i);
  return [...chosen].sort((a, b) => a - b);
}

/** The frame nearest to a step, unless it is there already. */
function add(chosen: Set<number>, steps: readonly number[], wanted: number): void {
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(steps[i]! - wanted) < Math.abs(steps[best]! - wanted)) best = i;
  }
  chosen.add(best);
}

export interface Cell {
  /** null: peek, the picture alone. */
  heat: Grid | null;
  style: HeatStyle;
  current: boolean;
  /** Written into the cell: why a flat colour is no finding. */
  note?: string;
}

export interface FilmData {
  image: CanvasImageSource | null;
  cells: readonly Cell[];
  cellWidth: number;
  cellHeight: number;
}

/** What a canvas shows by now. */
export interface Drawn extends FilmData {
  theme: Theme;
}

/** Draw the cells that differ from those `before`, which the canvas shows; a step further that is one or two. */
export function drawFilm(
  context: CanvasRenderingContext2D,
  film: FilmData,
  { fresh = true }: Surface,
  theme: Theme,
  before?: Drawn,
): void {
  const { image, cells, cellWidth, cellHeight } = film;
  const kept =
    !fresh &&
    before &&
    before.image === image &&
    before.theme === theme &&
    before.cellWidth === cellWidth &&
    before.cellHeight === cellHeight &&
    before.cells.length === cells.length
      ? before.cells
      : [];
  const boxOf = (i: number): Box => ({
    x: MARGIN + i * (cellWidth + GAP),
    y: MARGIN,
    width: cellWidth,
    height: cellHeight,
  });
  cells.forEach((cell, i) => {
    if (kept[i] && sameCell(kept[i], cell)) return;
    const box = boxOf(i);
    context.clearRect(box.x - MARGIN, 0, cellWidth + 2 * MARGIN, cellHeight + 2 * MARGIN);
    context.fillStyle = theme.nothing;
    context.fillRect(box.x, box.y, box.width, box.height);
    drawHeat(context, { image, heat: cell.heat, style: cell.style, box });
    if (cell.note && cell.heat) drawNote(context, cell.note, box);
  });
  const at = cells.findIndex((cell) => cell.current);
  if (at < 0) return;
  const { x, y, width, height } = boxOf(at); // last: a neighbour that was cleared took a part of it
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  context.strokeRect(x - 2, y - 2, width + 4, height + 4);
}

function sameCell(a: Cell, b: Cell): boolean {
  return a.heat === b.heat && a.current === b.current && a.note === b.note && sameStyle(a.style, b.style);
}

function sameStyle(a: HeatStyle, b: HeatStyle): boolean {
  return (
    a === b ||
    (a.most === b.most &&
      a.signed === b.signed &&
      a.map === b.map &&
      a.opacity === b.opacity &&
      a.smooth === b.smooth &&
      a.contour === b.contour &&
      a.levels === b.levels)
  );
}

/** White on black in the cell's lower left corner. */
export function drawNote(context: CanvasRenderingContext2D, note: string, { x, y, width, height }: Box): void {
  context.fillStyle = '#000';
  context.fillRect(x, y + height - 14, Math.min(width, 6 * note.length + 6), 14);
  context.fillStyle = '#fff';
  context.font = '10px Roboto, system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.fillText(note, x + 3, y + height - 6.5, width - 4);
}

/** The cell under an x, or undefined beside all of them. */
export function cellAt(x: number, count: number, cellWidth: number): number | undefined {
  const index = Math.floor((x - MARGIN + GAP / 2) / (cellWidth + GAP));
  return index >= 0 && index < count ? index : undefined;
}

export interface MassData {
  steps: readonly number[];
  mass: readonly number[];
  /** Index of the frame shown. */
  current: number;
}

/** Total mass over true step distances, from 0 up; the frame shown is marked. */
export function drawMass(
  context: CanvasRenderingContext2D,
  { steps, mass, current }: MassData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const top = Math.max(...mass.filter(Number.isFinite), 0) || 1;
  const span = steps.at(-1)! - steps[0]! || 1;
  const x = (i: number): number => 3 + ((steps[i]! - steps[0]!) / span) * (width - 6);
  const y = (i: number): number => height - 3 - (mass[i]! / top) * (height - 6);
  context.fillStyle = theme.line;
  context.fillRect(0, height - 2, width, 1);
  context.fillStyle = theme.accent;
  context.fillRect(Math.round(x(current)) - 0.5, 0, 1, height);
  context.beginPath();
  let down = false;
  mass.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      down = false;
      return;
    }
    if (down) context.lineTo(x(i), y(i));
    else context.moveTo(x(i), y(i));
    down = true;
  });
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.5;
  context.stroke();
  if (!Number.isFinite(mass[current])) return;
  context.fillRect(x(current) - 2.5, y(current) - 2.5, 5, 5);
}
