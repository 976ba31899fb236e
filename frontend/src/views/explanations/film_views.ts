// SPDX-License-Identifier: Apache-2.0
// The films in the making: which methods are shown, how many columns fit, on which scale.
import { useLayoutEffect, useMemo, useState } from 'preact/hooks';
import { columnsThatFit, filmFrames, MARGIN } from '../../draw/film';
import { type Frames, keptDomains, type SampleFilm, sampleFilm } from '../../model/maps/explain';
import { meanFilm, meanName, samplesByClass } from '../../model/maps/rows';
import { nearestIndex } from '../../model/steps';
import { failsRandomisation } from '../../state/descriptions';
import { moreMethods, opacity, peek, scaleMode } from '../../state/selection';
import { attributionTags, loadAttributions, loadTrust, run, step } from '../../state/store';
import { sampleImage } from '../../ui/bitmaps';
import { contour, heatMapName, smoothing } from '../../ui/heat_controls';
import type { Tag } from '../../wire/api';
import type { Probe, Trust } from '../../wire/schema_pb';
import type { Stamped } from '../../wire/wire';
import { rowKind } from './controls';
import { type FilmView, MASS_WIDTH } from './film_view';

export const HEAD_WIDTH = 228;

/** They outlive the view, so that a scale is the same when one comes back. */
const domainOf = keptDomains();

const CELL = 64;

/** The chosen method first, then the further ones whose frames are here. */
export function useFilmViews(tag: Tag, frames: Frames, found: Probe | undefined, width: number): readonly FilmView[] {
  const more = attributionTags.value.filter((one) => one.tag !== tag.tag && moreMethods.value.has(one.tag));
  const all = [
    { tag, frames },
    ...more.flatMap((one) => {
      const loaded = loadAttributions(run.value, one.tag).loaded.value.value;
      return loaded?.length ? [{ tag: one, frames: loaded as Frames }] : [];
    }),
  ];
  const trust = all.map((one) => loadTrust(run.value, one.tag).loaded.value.value ?? NO_TRUST);
  const steps = useMemo(() => frames.map((frame) => frame.step), [frames]);
  const { cellWidth, cellHeight } = cellSize(frames, found);
  const count = columnsThatFit(width - HEAD_WIDTH - 2 * (MASS_WIDTH + 8) - 24 - 2 * MARGIN, cellWidth);
  const means = rowKind.value === 'classes';
  const [smooth, outlined, perImage, peeking, of, wanted] = [
    smoothing.value === 'smooth',
    contour.value === 'yes',
    scaleMode.value === 'image',
    peek.value,
    run.value,
    step.value,
  ];
  const maps = all.map((one) => heatMapName(one.frames[0]!.record.signed));
  const strength = opacity.value;
  return useMemo(() => {
    const columns = filmFrames(steps, nearestIndex(steps, wanted), count);
    const groups = means ? samplesByClass(frames.at(-1)!.record, found) : new Map<number, number[]>();
    return all.map((one, i): FilmView => {
      const own = one.frames.map((frame) => frame.step);
      const film = (n: number): SampleFilm =>
        means ? meanFilm(one.frames, groups.get(n) ?? [0]) : sampleFilm(one.frames, n);
      return {
        ...one,
        probe: found,
        trust: trust[i]!,
        captions: all.length > 1 || trust[i]!.length > 0 || failsRandomisation(one.tag.method),
        means,
        film,
        name: (n) => (means ? meanName(found, n, groups.get(n)?.length ?? 0) : `sample ${n + 1}`),
        current: nearestIndex(own, wanted),
        cellWidth,
        cellHeight,
        perImage,
        peek: peeking,
        columns: i === 0 ? columns : columns.map((at) => nearestIndex(own, steps[at]!)),
        style: { map: maps[i]!, signed: one.frames[0]!.record.signed, opacity: strength, smooth, contour: outlined },
        domain: (n) => domainOf(`${of} ${one.tag.tag} ${means ? 'class ' : ''}${n}`, film(n).p99, own.at(-1)!),
      };
    });
  }, [
    ...all.map((one) => one.frames),
    ...trust,
    found,
    cellWidth,
    cellHeight,
    perImage,
    peeking,
    steps,
    count,
    maps.join(' '),
    strength,
    smooth,
    outlined,
    of,
    means,
    wanted,
  ]);
}

const NO_TRUST: readonly Stamped<Trust>[] = [];

function cellSize(frames: Frames, found: Probe | undefined): { cellWidth: number; cellHeight: number } {
  const image = sampleImage(found, 0);
  const [, rows = 1, columns = 1] = frames[0]!.record.shape;
  const flat = frames[0]!.record.shape.length < 3;
  const aspect = image ? image.height / image.width : flat ? 0.5 : rows / columns;
  return { cellWidth: CELL, cellHeight: Math.round(CELL * Math.min(1.5, Math.max(0.4, aspect))) };
}

export function useRoom(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(880);
  useLayoutEffect(() => {
    const measure = (): void => {
      if (element.current?.clientWidth) setWidth(element.current.clientWidth);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}
