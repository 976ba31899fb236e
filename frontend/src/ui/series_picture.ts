// SPDX-License-Identifier: Apache-2.0
// A series as a picture in grey: its channels as lines, all samples on one scale, for heat to lie on.
import { once } from '../model/once';
import type { Probe } from '../wire/schema_pb';

/** Of more channels than this, the first ones are drawn. */
const CHANNELS = 6;
const TALL = 96;
const PAD = 4;

export interface Lines {
  values: Float32Array;
  moments: number;
  channels: number;
  low: number;
  high: number;
}

const known = new WeakMap<Probe, { lines: Lines | null; pictures: Map<number, HTMLCanvasElement> }>();

/** The values [n t c] of a probe of series and their range; null for another probe, or without values. */
export function linesOf({ kind, shape, values }: Pick<Probe, 'kind' | 'shape' | 'values'>): Lines | null {
  const [samples = 0, moments = 0, channels = 0] = shape;
  if (kind !== 'series' || values.length !== 4 * samples * moments * channels || !values.length) return null;
  const numbers = new Float32Array(values.slice().buffer);
  let [low, high] = [Infinity, -Infinity];
  for (const value of numbers) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return { values: numbers, moments, channels, low, high: high > low ? high : low + 1 };
}

/** Where channel `c` of sample `n` runs in a picture of this size: [x, y] by moment. */
export function pathOf(
  { values, moments, channels, low, high }: Lines,
  n: number,
  c: number,
  width: number,
  height: number,
): [number, number][] {
  return Array.from({ length: moments }, (_, t): [number, number] => {
    const share = (values[(n * moments + t) * channels + c]! - low) / (high - low);
    return [((t + 0.5) * width) / moments, height - PAD - share * (height - 2 * PAD)];
  });
}

/** Sample `n`, drawn once; null where the probe is no series. */
export function seriesPicture(probe: Probe | undefined, n: number): HTMLCanvasElement | null {
  if (probe?.kind !== 'series' || n < 0) return null;
  const { lines, pictures } = once(known, probe, () => ({ lines: linesOf(probe), pictures: new Map() }));
  return lines && once(pictures, n, () => draw(lines, n));
}

function draw(lines: Lines, n: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.min(512, Math.max(192, 2 * lines.moments)), TALL];
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.lineWidth = 2.5;
  context.lineJoin = 'round';
  for (let c = Math.min(lines.channels, CHANNELS) - 1; c >= 0; c--) {
    const grey = Math.round((c * 150) / CHANNELS);
    context.strokeStyle = `rgb(${grey} ${grey} ${grey})`;
    context.beginPath();
    pathOf(lines, n, c, canvas.width, canvas.height).forEach(([x, y]) => {
      if (Number.isFinite(y)) context.lineTo(x, y);
    });
    context.stroke();
  }
  return canvas;
}
