// SPDX-License-Identifier: Apache-2.0
// A canvas with words: draws itself again when its data, width or theme change.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Draw, paint } from '../draw/canvas';
import { theme } from './styles/theme';

interface PictureProps {
  /** The finding in words: what a person who cannot see the picture needs to know. */
  label: string;
  draw: Draw;
  height: number;
  /** CSS pixels; without it the picture is as wide as its place. */
  width?: number | undefined;
  class?: string;
  title?: string | undefined;
  /** `draw` knows what it drew last and draws only what differs, unless the surface is fresh. */
  keeps?: boolean;
  onPointerMove?: (event: PointerEvent) => void;
  onPointerLeave?: () => void;
  onClick?: (event: MouseEvent) => void;
}

/** A canvas of fixed height that draws itself again when its data, width or theme change. */
export function Picture({ label, draw, height, width, keeps = false, ...rest }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const measured = useWidth(canvas, width);
  const colours = theme.value;
  useLayoutEffect(() => {
    if (canvas.current && measured > 0) paint(canvas.current, measured, height, colours, draw, keeps);
  }, [draw, measured, height, colours, keeps]);
  const style = { width: width === undefined ? '100%' : `${width}px`, height: `${height}px` };
  return <canvas ref={canvas} role="img" aria-label={label} style={style} {...rest} />;
}

function useWidth(element: { current: HTMLElement | null }, fixed: number | undefined): number {
  const [width, setWidth] = useState(fixed ?? 0);
  useLayoutEffect(() => {
    if (fixed !== undefined) return setWidth(fixed);
    const target = element.current!;
    const measure = (): void => {
      if (target.clientWidth > 0) setWidth(target.clientWidth);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(target);
    return () => observer.disconnect();
  }, [fixed]);
  return width;
}
