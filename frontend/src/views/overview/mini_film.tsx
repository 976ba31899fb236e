// SPDX-License-Identifier: Apache-2.0
// One film on the Overview: what the network saw in the first sample, at a few steps, on one scale.
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawHeat } from '../../draw/heatmap';
import { drawThumb } from '../../draw/thumb';
import { className, formatScore } from '../../model/maps/explain';
import { chosenTag } from '../../model/methods';
import { formatStep } from '../../model/steps';
import { tagLabel } from '../../state/descriptions';
import { layer } from '../../state/selection';
import { view } from '../../state/shown_view';
import { attributionTags, loadAttributions, probe, run } from '../../state/store';
import { Async, Missing } from '../../ui/async';
import { Picture } from '../../ui/picture';
import { pickColumns } from '../../ui/strips';
import { type Attribution, sampleHeat, type Stamped } from '../../wire/wire';

const FRAMES = 5;
const SIZE = 58;
const GAP = 4;

export function MiniFilm() {
  const tags = attributionTags.value;
  const tag = chosenTag(tags, '', '');
  return (
    <section aria-labelledby="film-title">
      <div class="card-head">
        <h2 id="film-title">What it looks at</h2>
        <span class="spring" />
        {tag && (
          <button
            type="button"
            class="link"
            onClick={() => {
              layer.value = tag.layer;
              view.value = 'explanations';
            }}
          >
            All explanations
          </button>
        )}
      </div>
      {!tag ? (
        <Missing signal="explanations" />
      ) : (
        <Async resource={loadAttributions(run.value, tag.tag)} what={`Explanations of ${tag.layer}`} height={SIZE + 40}>
          {(frames) => (frames.length ? <Film frames={frames} /> : <Missing signal="explanations" />)}
        </Async>
      )}
    </section>
  );
}

function Film({ frames }: { frames: Stamped<Attribution>[] }) {
  const found = probe(run.value).loaded.value.value?.record;
  const image = useBitmap(found?.images[0]);
  const shown = useMemo(() => pickColumns(frames.length, FRAMES).map((i) => frames[i]!), [frames]);
  const isMap = shown[0]!.record.shape.length > 2;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, _surface: Surface) => {
      const grids = shown.map((frame) => sampleHeat(frame.record, 0));
      const most = Math.max(...grids.flatMap((grid) => Array.from(grid.values, Math.abs)).filter(Number.isFinite), 0);
      const style = { most, signed: true, map: 'rdbu', opacity: 0.85, smooth: true, contour: false } as const;
      grids.forEach((heat, i) =>
        shown[0]!.record.signed
          ? drawHeat(context, {
              image,
              heat,
              style,
              box: { x: i * (SIZE + GAP), y: 0, width: SIZE, height: isMap ? SIZE : 24 },
            })
          : drawThumb(context, { image, heat, most, map: 'inferno', opacity: 0.85, x: i * (SIZE + GAP), size: SIZE }),
      );
    },
    [shown, image, isMap],
  );
  const last = shown.at(-1)!.record;
  const score = `${className(found, last.targets[0])} ${formatScore(last.scores[0], last.probabilities)}`;
  return (
    <>
      <Picture
        height={isMap ? SIZE : 24}
        width={FRAMES * (SIZE + GAP)}
        draw={draw}
        label={`${tagLabel(last)}, for the first sample at steps ${shown.map((frame) => frame.step).join(', ')}. Newest: ${score}.`}
      />
      <div class="film-steps soft">
        {shown.map((frame) => (
          <span key={frame.step} style={{ width: `${SIZE + GAP}px` }}>
            {formatStep(frame.step)}
          </span>
        ))}
      </div>
      <p class="soft">
        {tagLabel(last)} · sample 1 · explains {score} · one scale for all steps
      </p>
    </>
  );
}

function useBitmap(png: Uint8Array | undefined): ImageBitmap | null {
  const [bitmap, setBitmap] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    let current = true;
    setBitmap(null);
    if (png)
      createImageBitmap(new Blob([png.slice()], { type: 'image/png' })).then(
        (made) => {
          if (current) setBitmap(made);
        },
        () => undefined,
      );
    return () => {
      current = false;
    };
  }, [png]);
  return bitmap;
}
