// SPDX-License-Identifier: Apache-2.0
// The probe's pictures, decoded once and without colour: colour belongs to the heat.
import { signal, type ReadonlySignal } from '@preact/signals';
import type { Probe } from '../schema_pb';
import { seriesPicture } from './series';

const decoded = new WeakMap<Uint8Array, ReadonlySignal<HTMLCanvasElement | null>>();

const NONE: ReadonlySignal<null> = signal(null);

/** Sample `n` in grey, a series as lines; null until it is decoded, or where there is nothing to draw. */
export function greyImage(probe: Probe | undefined, n: number): HTMLCanvasElement | null {
  const png = probe?.images[n];
  if (!png) return seriesPicture(probe, n) ?? NONE.value;
  let found = decoded.get(png);
  if (!found) {
    found = decode(png);
    decoded.set(png, found);
  }
  return found.value;
}

function decode(png: Uint8Array): ReadonlySignal<HTMLCanvasElement | null> {
  const made = signal<HTMLCanvasElement | null>(null);
  if (typeof createImageBitmap === 'undefined') return made;
  createImageBitmap(new Blob([png.slice()], { type: 'image/png' })).then((bitmap) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext('2d');
    if (!context) return;
    context.filter = 'grayscale(1)';
    context.drawImage(bitmap, 0, 0);
    made.value = canvas;
  }, () => undefined);
  return made;
}

const PATIENCE_MS = 3000;
const LOOK_MS = 30;

/** Resolves when these samples' pictures are decoded, or after a while where one cannot be. */
export async function imagesReady(probes: readonly (Probe | undefined)[], samples: readonly number[]): Promise<void> {
  const missing = (): boolean => probes.some((probe) => samples.some((n) => probe?.images[n] && !greyImage(probe, n)));
  for (let waited = 0; waited < PATIENCE_MS && missing(); waited += LOOK_MS) await new Promise((next) => { setTimeout(next, LOOK_MS); });
}
