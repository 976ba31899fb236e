// SPDX-License-Identifier: Apache-2.0
// Heat over a picture, honestly: colour and opacity follow the value, a scale is given and never guessed
// from the map itself, and an empty map stays empty.
import { type ColourMapName, NOT_A_NUMBER, signedIndex, table, unsignedIndex } from '../model/color';
import type { Grid } from '../wire/wire';

export interface HeatStyle {
  /** The value that gets the end of the colour map (and, negated, its beginning where `signed`). */
  most: number;
  signed: boolean;
  map: ColourMapName;
  /** Opacity of the strongest heat, 0 … 1. */
  opacity: number;
  /** Bilinear between the raw values; otherwise native pixels. */
  smooth: boolean;
  /** A line around the strongest tenth. */
  contour: boolean;
  /** Draw this many colours only, for maps that are not to be trusted in detail. */
  levels?: number | undefined;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface HeatData {
  /** In its own colours; null where the input is no picture: then the heat is opaque. */
  image: CanvasImageSource | null;
  /** null: the picture alone, for peeking. */
  heat: Grid | null;
  style: HeatStyle;
  box: Box;
}

/** No map is made finer than this a side, and than half the pixels it gets: the canvas blends the rest. */
const FINEST = 64;

/** The raw values at `rows` × `columns` places, bilinear; NaN spreads to what it touches. */
export function resample(grid: Grid, rows: number, columns: number): Grid {
  const values = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const y = place(r, rows, grid.rows);
    for (let c = 0; c < columns; c++) {
      const x = place(c, columns, grid.columns);
      values[r * columns + c] = mix(rowMix(grid, y.low, x), rowMix(grid, y.high, x), y.share);
    }
  }
  return { rows, columns, values };
}

interface Place {
  low: number;
  high: number;
  share: number;
}

/** Between which two source cells the centre of target cell `i` lies. */
function place(i: number, target: number, source: number): Place {
  const at = Math.min(source - 1, Math.max(0, ((i + 0.5) * source) / target - 0.5));
  const low = Math.floor(at);
  return { low, high: Math.min(source - 1, low + 1), share: at - low };
}

function rowMix(grid: Grid, row: number, x: Place): number {
  const start = row * grid.columns;
  return mix(grid.values[start + x.low]!, grid.values[start + x.high]!, x.share);
}

function mix(a: number, b: number, share: number): number {
  return share === 0 ? a : a + (b - a) * share;
}

/** RGBA pixels, one a value. Over a picture opacity is proportional to |value|; alone it is full. */
export function heatPixels(heat: Grid, style: HeatStyle, overPicture: boolean): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint32Array(heat.values.length);
  const colours = pixelTable(style, overPicture);
  const indexOf = style.signed ? signedIndex : unsignedIndex;
  for (let i = 0; i < pixels.length; i++) {
    const index = indexOf(heat.values[i]!, style.most);
    pixels[i] = colours[index < 0 ? NO_NUMBER : index]!;
  }
  return new Uint8ClampedArray(pixels.buffer);
}

/** Place in a pixel table of what is not a number. */
const NO_NUMBER = 256;
const pixelTables = new Map<string, Uint32Array>();
const MOST_TABLES = 64;

/** The pixel, as four bytes in memory, of each of 256 values and of what is not a number. */
function pixelTable({ map, signed, opacity, levels }: HeatStyle, overPicture: boolean): Uint32Array {
  const key = `${map} ${signed} ${opacity} ${levels} ${overPicture}`;
  let made = pixelTables.get(key);
  if (made) return made;
  const bytes = new Uint8ClampedArray(4 * (NO_NUMBER + 1));
  const colours = table(map);
  for (let i = 0; i < NO_NUMBER; i++) {
    const index = levelled(i, levels);
    const strength = signed ? Math.abs(index - 127.5) / 127.5 : index / 255;
    bytes.set(
      [
        colours[index * 3]!,
        colours[index * 3 + 1]!,
        colours[index * 3 + 2]!,
        overPicture ? 255 * opacity * strength : 255,
      ],
      i * 4,
    );
  }
  bytes.set([...NOT_A_NUMBER, 255], NO_NUMBER * 4);
  made = new Uint32Array(bytes.buffer);
  if (pixelTables.size >= MOST_TABLES) pixelTables.clear(); // somebody drags the opacity
  pixelTables.set(key, made);
  return made;
}

/** An index into a table of 256, rounded to one of `levels` a half. */
function levelled(index: number, levels: number | undefined): number {
  if (!levels) return index;
  const step = 255 / (2 * levels);
  return Math.round(Math.round(index / step) * step);
}

/** A canvas for each size of map: setting a size clears it, and takes its time. */
const scratch = new Map<string, HTMLCanvasElement>();
const MOST_SIZES = 16;

function toCanvas(pixels: Uint8ClampedArray<ArrayBuffer>, rows: number, columns: number): HTMLCanvasElement {
  const size = `${rows} ${columns}`;
  let canvas = scratch.get(size);
  if (!canvas) {
    if (scratch.size >= MOST_SIZES) scratch.clear();
    canvas = document.createElement('canvas');
    scratch.set(size, canvas);
    [canvas.width, canvas.height] = [columns, rows];
  }
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, columns, rows), 0, 0);
  return canvas;
}

/** The picture and its heat in a box. */
export function drawHeat(context: CanvasRenderingContext2D, { image, heat, style, box }: HeatData): void {
  const { x, y, width, height } = box;
  context.imageSmoothingEnabled = false;
  if (image) context.drawImage(image, x, y, width, height);
  if (!heat) return;
  const fine =
    style.smooth && heat.rows > 1 && heat.columns > 1
      ? finer(heat, Math.min(FINEST, Math.max(width, height) / 2))
      : heat;
  const layer = toCanvas(heatPixels(fine, style, image !== null), fine.rows, fine.columns);
  context.imageSmoothingEnabled = style.smooth && heat.rows > 1 && heat.columns > 1;
  context.drawImage(layer, x, y, width, height);
  if (style.contour) drawContour(context, fine, box, style.signed);
}

/** Whole multiples of the native size, so that native cells stay where they were. */
function finer(heat: Grid, finest: number): Grid {
  const factor = Math.max(1, Math.floor(finest / Math.max(heat.rows, heat.columns)));
  return factor === 1 ? heat : resample(heat, heat.rows * factor, heat.columns * factor);
}

/** The value that only the strongest tenth exceeds; undefined for a flat map, which has no strongest part. */
export function topTenth(heat: Grid, signed = false): number | undefined {
  const sizes = Array.from(heat.values, (value) => (signed ? Math.abs(value) : value))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const limit = sizes[Math.floor(sizes.length * 0.9)];
  return limit === undefined || limit <= (sizes[0] ?? 0) ? undefined : limit;
}

/** Borders between cells above and below the limit: white on black, so that they show on any colour. */
function drawContour(
  context: CanvasRenderingContext2D,
  heat: Grid,
  { x, y, width, height }: Box,
  signed: boolean,
): void {
  const limit = topTenth(heat, signed);
  if (limit === undefined) return;
  const size = (r: number, c: number): number =>
    signed ? Math.abs(heat.values[r * heat.columns + c]!) : heat.values[r * heat.columns + c]!;
  const [w, h] = [width / heat.columns, height / heat.rows];
  context.beginPath();
  for (const [x1, y1, x2, y2] of borders(heat.rows, heat.columns, (r, c) => size(r, c) >= limit)) {
    context.moveTo(x + x1 * w, y + y1 * h);
    context.lineTo(x + x2 * w, y + y2 * h);
  }
  stroke(context, '#000', 3);
  stroke(context, '#fff', 1.25);
}

/** Lines [x1, y1, x2, y2], in cells, between cells inside and outside; beyond the edge is outside. */
export function borders(
  rows: number,
  columns: number,
  holds: (row: number, column: number) => boolean,
): [number, number, number, number][] {
  const inside = (r: number, c: number): boolean => r >= 0 && c >= 0 && r < rows && c < columns && holds(r, c);
  const lines: [number, number, number, number][] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (!inside(r, c)) continue;
      if (!inside(r - 1, c)) lines.push([c, r, c + 1, r]);
      if (!inside(r + 1, c)) lines.push([c, r + 1, c + 1, r + 1]);
      if (!inside(r, c - 1)) lines.push([c, r, c, r + 1]);
      if (!inside(r, c + 1)) lines.push([c + 1, r, c + 1, r + 1]);
    }
  }
  return lines;
}

export function stroke(context: CanvasRenderingContext2D, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
