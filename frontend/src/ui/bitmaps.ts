// SPDX-License-Identifier: Apache-2.0
// The probe's pictures, decoded once, in their own colours: what a network goes by may be a colour. Heat lies
// over them, opaque where it is strong, and a line around the region that the user gave.
import { type ReadonlySignal, signal } from '@preact/signals';
import { borders, stroke } from '../draw/heatmap';
import { once } from '../model/once';
import { oneOfParam } from '../state/selection';
import type { Probe } from '../wire/schema_pb';
import { seriesPicture } from './series_picture';

/** Whether the regions that the user gave are outlined. */
export const regions = oneOfParam('regions', ['yes', 'no'] as const, 'yes');

export const hasRegions = (probe: Probe | undefined): boolean =>
  probe?.regionPng.some((png) => png.length > 0) ?? false;

type Picture = ReadonlySignal<HTMLCanvasElement | null>;

/** By the bytes of the picture, or of the region that is outlined in it. */
const decoded = new WeakMap<Uint8Array, Picture>();

const NONE: ReadonlySignal<null> = signal(null);

/** Sample `n` as it is stored, a series as lines; null until it is decoded, or where there is nothing to draw. */
export function sampleImage(probe: Probe | undefined, n: number): HTMLCanvasElement | null {
  const png = probe?.images[n];
  if (!png) return seriesPicture(probe, n) ?? NONE.value;
  const region = regions.value === 'yes' && probe.regionPng[n]?.length ? probe.regionPng[n] : undefined;
  const key = region ?? png;
  return once(decoded, key, () => decode(png, region)).value;
}

function decode(png: Uint8Array, region: Uint8Array | undefined): Picture {
  const made = signal<HTMLCanvasElement | null>(null);
  const bitmap = (bytes: Uint8Array): Promise<ImageBitmap> =>
    createImageBitmap(new Blob([bytes.slice()], { type: 'image/png' }));
  Promise.all([bitmap(png), region && bitmap(region)]).then(
    ([picture, mask]) => {
      // Enlarged where a line is to fit between its pixels.
      const factor = mask ? Math.max(1, Math.ceil(LINED / Math.max(picture.width, picture.height))) : 1;
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [factor * picture.width, factor * picture.height];
      const context = canvas.getContext('2d');
      if (!context) return;
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (mask) outline(context, mask);
      made.value = canvas;
    },
    () => undefined,
  );
  return made;
}

/** Side of a picture with a line in it, and the line's share of that. */
const LINED = 256;
const WIDTH = 1 / 64;

function outline(context: CanvasRenderingContext2D, mask: ImageBitmap): void {
  const plain = new OffscreenCanvas(mask.width, mask.height).getContext('2d');
  if (!plain) return;
  plain.drawImage(mask, 0, 0);
  const { data } = plain.getImageData(0, 0, mask.width, mask.height);
  const { width, height } = context.canvas;
  const [w, h, thick] = [width / mask.width, height / mask.height, Math.max(width, height) * WIDTH];
  context.beginPath();
  for (const [x1, y1, x2, y2] of borders(mask.height, mask.width, (r, c) => data[4 * (r * mask.width + c)]! > 127)) {
    context.moveTo(x1 * w, y1 * h);
    context.lineTo(x2 * w, y2 * h);
  }
  context.lineCap = 'square';
  stroke(context, '#003844', 2 * thick);
  stroke(context, '#00d0ff', thick);
}

const PATIENCE_MS = 3000;
const LOOK_MS = 30;

/** Resolves when these samples' pictures are decoded, or after a while where one cannot be. */
export async function imagesReady(probes: readonly (Probe | undefined)[], samples: readonly number[]): Promise<void> {
  const missing = (): boolean =>
    probes.some((probe) => samples.some((n) => probe?.images[n] && !sampleImage(probe, n)));
  for (let waited = 0; waited < PATIENCE_MS && missing(); waited += LOOK_MS)
    await new Promise((next) => {
      setTimeout(next, LOOK_MS);
    });
}
