// SPDX-License-Identifier: Apache-2.0
// Sharp canvases: one unit of every drawing function is one CSS pixel, whatever the screen's density.
import type { Theme } from './theme';

/** What a drawing function gets: the context is scaled and cleared, the size is in CSS pixels. */
export interface Surface {
  width: number;
  height: number;
  /** false: what was drawn before is still there. */
  fresh?: boolean;
}

export type Draw = (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) => void;

/** Fit the canvas to its size on the page and draw. With `keeps` what was drawn before stays if the size does. */
export function paint(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  theme: Theme,
  draw: Draw,
  keeps = false,
): void {
  const density = Math.min(3, window.devicePixelRatio || 1);
  const [w, h] = [Math.max(1, Math.round(width * density)), Math.max(1, Math.round(height * density))];
  const fresh = !keeps || canvas.width !== w || canvas.height !== h;
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(density, 0, 0, density, 0, 0);
  if (fresh) context.clearRect(0, 0, width, height);
  draw(context, { width, height, fresh }, theme);
}
