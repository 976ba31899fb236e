// SPDX-License-Identifier: Apache-2.0
// Pictures for files: cells with their titles, and a legend, step and scale that cannot get lost. PNG or GIF.
import { applyPalette, GIFEncoder, quantize } from 'gifenc';
import { drawNote } from '../../draw/film';
import { drawHeat, type HeatStyle } from '../../draw/heatmap';
import type { Theme } from '../../draw/theme';
import { table } from '../../model/color';
import type { Grid } from '../../wire/wire';

export interface SheetCell {
  image: CanvasImageSource | null;
  heat: Grid | null;
  style: HeatStyle;
  /** Below the cell. */
  words: string;
  /** Into the cell: "constant". */
  note?: string;
}

export interface SheetRow {
  title: string;
  cells: readonly SheetCell[];
  /** Ends of the scale, and what it is: "p99 over all steps". */
  legend: { most: string; unit: string; style: HeatStyle };
}

export interface Sheet {
  title: string;
  rows: readonly SheetRow[];
  cell: { width: number; height: number };
}

const [PAD, GAP, LINE] = [12, 6, 16];
const FONT = '12px Roboto, system-ui, sans-serif';

/** The sheet on a canvas; `density` pixels a unit. */
export function drawSheet(sheet: Sheet, theme: Theme, density: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  const columns = Math.max(...sheet.rows.map((row) => row.cells.length), 1);
  const context = canvas.getContext('2d')!;
  context.font = `600 ${FONT}`;
  const title = context.measureText(sheet.title).width;
  context.font = FONT;
  const words = Math.max(
    title,
    ...sheet.rows.map((row) =>
      Math.max(context.measureText(row.title).width, context.measureText(legendText(row)).width + 120),
    ),
  );
  const width = Math.ceil(Math.max(columns * (sheet.cell.width + GAP) - GAP, words) + 2 * PAD);
  const rowHeight = sheet.cell.height + 3 * LINE + 14;
  const height = 2 * PAD + LINE + sheet.rows.length * rowHeight;
  [canvas.width, canvas.height] = [width * density, height * density];
  context.scale(density, density);
  context.fillStyle = theme.page;
  context.fillRect(0, 0, width, height);
  write(context, sheet.title, PAD, PAD, theme.ink, true);
  sheet.rows.forEach((row, i) => drawRow(context, row, PAD + LINE + i * rowHeight + 6, sheet.cell, theme));
  return canvas;
}

const legendText = ({ legend }: SheetRow): string =>
  `${legend.style.signed ? `−${legend.most}` : '0'} ${legend.most} ${legend.unit}`;

function drawRow(
  context: CanvasRenderingContext2D,
  row: SheetRow,
  top: number,
  cell: Sheet['cell'],
  theme: Theme,
): void {
  write(context, row.title, PAD, top, theme.ink, false);
  row.cells.forEach((one, i) => {
    const box = { x: PAD + i * (cell.width + GAP), y: top + LINE + 2, ...cell };
    context.fillStyle = theme.nothing;
    context.fillRect(box.x, box.y, box.width, box.height);
    drawHeat(context, { ...one, box });
    if (one.note) drawNote(context, one.note, box);
    write(context, one.words, box.x, box.y + box.height + 2, theme.soft, false, box.width + GAP - 2);
  });
  drawLegend(context, row, top + 2 * LINE + cell.height + 6, theme);
}

function drawLegend(
  context: CanvasRenderingContext2D,
  { legend: { most, unit, style } }: SheetRow,
  y: number,
  theme: Theme,
): void {
  const low = style.signed ? `−${most}` : '0';
  write(context, low, PAD, y, theme.ink, false);
  const x = Math.ceil(PAD + context.measureText(low).width + 6);
  const colours = table(style.map);
  for (let i = 0; i < 96; i++) {
    const at = Math.round((i / 95) * 255) * 3;
    context.fillStyle = `rgb(${colours[at]} ${colours[at + 1]} ${colours[at + 2]})`;
    context.fillRect(x + i, y + 2, 1, 9);
  }
  write(context, `${most}  ${unit}`, x + 102, y, theme.ink, false);
}

function write(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  colour: string,
  bold: boolean,
  most?: number,
): void {
  context.font = bold ? `600 ${FONT}` : FONT;
  context.textBaseline = 'top';
  context.fillStyle = colour;
  context.fillText(text, x, y, most);
}

/** A PNG of one sheet, two pixels a unit. */
export function pngOf(sheet: Sheet, theme: Theme): Promise<Blob> {
  return new Promise((resolve, reject) => {
    drawSheet(sheet, theme, 2).toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('the browser could not encode a PNG'))),
      'image/png',
    );
  });
}

const DELAY_MS = 500;

/** An endless GIF, two sheets a second; all of the first one's size. */
export async function gifOf(sheets: readonly Sheet[], theme: Theme): Promise<Blob> {
  const gif = GIFEncoder();
  const canvases = sheets.map((sheet) => drawSheet(sheet, theme, 1));
  const [width, height] = [
    Math.max(...canvases.map((one) => one.width)),
    Math.max(...canvases.map((one) => one.height)),
  ];
  const page = document.createElement('canvas');
  [page.width, page.height] = [width, height];
  const context = page.getContext('2d', { willReadFrequently: true })!;
  for (const canvas of canvases) {
    context.fillStyle = theme.page;
    context.fillRect(0, 0, width, height);
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const palette = quantize(data, 256);
    gif.writeFrame(applyPalette(data, palette), width, height, { palette, delay: DELAY_MS });
    await new Promise((next) => {
      setTimeout(next, 0);
    });
  }
  gif.finish();
  return new Blob([gif.bytes().slice()], { type: 'image/gif' });
}

/** Hand a file to the person. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
