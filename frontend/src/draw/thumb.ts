// SPDX-License-Identifier: Apache-2.0
// A small picture with heat over it, for the Overview's film.
import { type ColourMapName, table } from '../model/color';
import type { Grid } from '../wire/wire';

export interface ThumbData {
  image: CanvasImageSource | null;
  heat: Grid;
  /** The value that gets the end of the colour map. */
  most: number;
  map: ColourMapName;
  opacity: number;
  x: number;
  size: number;
}

/** Heat as pixels: colour by value, opacity in proportion to it. */
export function heatPixels({
  heat,
  most,
  map,
  opacity,
}: Pick<ThumbData, 'heat' | 'most' | 'map' | 'opacity'>): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(heat.rows * heat.columns * 4);
  const colours = table(map);
  for (let i = 0; i < heat.values.length; i++) {
    const fraction = Math.min(1, Math.max(0, heat.values[i]! / (most || 1)));
    const at = Math.round(fraction * 255) * 3;
    pixels.set([colours[at]!, colours[at + 1]!, colours[at + 2]!, 255 * opacity * Math.sqrt(fraction)], i * 4);
  }
  return pixels;
}

export function drawThumb(context: CanvasRenderingContext2D, data: ThumbData): void {
  const { image, heat, x, size } = data;
  context.imageSmoothingEnabled = false;
  context.fillStyle = '#000';
  context.fillRect(x, 0, size, size);
  if (image) context.drawImage(image, x, 0, size, size);
  const layer = document.createElement('canvas');
  [layer.width, layer.height] = [heat.columns, heat.rows];
  layer.getContext('2d')?.putImageData(new ImageData(heatPixels(data), heat.columns, heat.rows), 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(layer, x, 0, size, size);
}
