// SPDX-License-Identifier: Apache-2.0
// Two maps in one place with a divider between them that one drags.
import { signal } from '@preact/signals';
import { useCallback } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawSwipe } from '../../draw/compare';
import type { Theme } from '../../draw/theme';
import type { Side } from '../../model/maps/compare';
import { Picture } from '../picture';
import { type Row, sideCell, sideWords } from './cells';

/** Where the divider is, 0 … 1; not in the address. */
const divider = signal(0.5);

export function Swipe({
  sides,
  row,
  other,
  height,
  wide,
}: {
  sides: readonly Side[];
  row: Row;
  other: number;
  height: number;
  wide: number;
}) {
  const share = divider.value;
  const [left, right] = [sideCell(sides[0]!, row, 0), sideCell(sides[other]!, row, other)];
  const key = JSON.stringify([left.style, right.style]);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawSwipe(context, { left, right, share }, surface, theme),
    [left.image, left.heat, right.image, right.heat, key, share],
  );
  const drag = (event: PointerEvent): void => {
    const target = event.currentTarget as HTMLElement;
    if (event.type === 'pointerdown') target.setPointerCapture(event.pointerId);
    if (event.buttons !== 1) return;
    const box = target.getBoundingClientRect();
    divider.value = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  return (
    <div class="swipe" style={{ width: `${wide}px` }} onPointerDown={drag} onPointerMove={drag}>
      <Picture
        width={wide}
        height={height}
        draw={draw}
        label={`Left of the divider ${sideWords(sides[0]!, row, 0)}. Right of it ${sideWords(sides[other]!, row, other)}.`}
      />
      <span class="cell-state swipe-left">A</span>
      <span class="cell-state swipe-right">{sides[other]!.letter}</span>
      <input
        type="range"
        class="swipe-range"
        min="0"
        max="1"
        step="0.01"
        value={share}
        aria-label={`Divider between A and ${sides[other]!.letter}`}
        onPointerDown={(event) => event.stopPropagation()}
        onInput={(event) => {
          divider.value = Number(event.currentTarget.value);
        }}
      />
    </div>
  );
}
