// SPDX-License-Identifier: Apache-2.0
// A layer's histograms over the steps, with A, B and the step shown picked out.
import { useCallback, useMemo } from 'preact/hooks';
import type { Surface } from '../../draw/canvas';
import { drawRidges, type RidgeMark, type Ridges, ridgesOf } from '../../draw/ridges';
import type { Theme } from '../../draw/theme';
import { formatValue } from '../../model/format';
import { formatStep, nearestIndex } from '../../model/steps';
import { stepA, stepB } from '../../state/selection';
import { histograms, run, step } from '../../state/store';
import { Async } from '../../ui/async';
import { Picture } from '../../ui/picture';
import type { HistogramColumns } from '../../wire/api';

export function LayerRidges({
  name,
  signal,
  title,
  height = 240,
}: {
  name: string;
  signal: string;
  title: string;
  height?: number;
}) {
  return (
    <section>
      <h3 title="One histogram per step, oldest at the top; signed logarithmic axis. The bar at 0 shows the share of exact zeros.">
        {title}
      </h3>
      <Async resource={histograms(run.value, signal, name)} what={`Histograms of ${name}`} height={height}>
        {(found) =>
          found?.firstSteps.length ? (
            <RidgePicture found={found} title={title} height={height} />
          ) : (
            <p class="soft">No histograms of this signal were logged.</p>
          )
        }
      </Async>
    </section>
  );
}

function RidgePicture({ found, title, height }: { found: HistogramColumns; title: string; height: number }) {
  const ridges = useMemo(() => ridgesOf(found), [found]);
  const [a, b, now] = [stepA.value, stepB.value, step.value];
  const marks = useMemo(() => marksOf(found, a, b, now), [found, a, b, now]);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawRidges(context, { ridges, marks }, surface, theme),
    [ridges, marks],
  );
  return (
    <>
      <Picture height={height} draw={draw} label={ridgeLabel(title, ridges, now)} />
      <p class="soft small">
        {found.source && `${found.source} · `}
        {found.firstSteps.length === found.kept
          ? `all ${found.kept} logged steps`
          : `${found.kept} logged steps merged into ${found.firstSteps.length} ridges`}
        {' · '}
        {formatValue('share', ridges.zeroShare[nearestIndex(ridges.firstSteps, now)] ?? NaN)} exact zeros now
        {ridges.nonFinite.some((count) => count > 0) && (
          <strong>
            {' '}
            · NaN or infinity since step{' '}
            {formatStep(ridges.firstSteps[ridges.nonFinite.findIndex((count) => count > 0)]!)}
          </strong>
        )}
      </p>
    </>
  );
}

/** A and B where set, and the step shown unless it is one of them. */
export function marksOf(
  { firstSteps, lastSteps }: Pick<HistogramColumns, 'firstSteps' | 'lastSteps'>,
  a: number | null,
  b: number | null,
  now: number,
): RidgeMark[] {
  const marks: RidgeMark[] = [];
  const add = (wanted: number | null, name: string): void => {
    const index = wanted === null ? -1 : nearestIndex(firstSteps, wanted);
    if (wanted === null || index < 0 || marks.some((one) => one.step === firstSteps[index])) return;
    marks.push({
      step: firstSteps[index]!,
      name,
      shown: Math.max(firstSteps[index]!, Math.min(wanted, lastSteps[index]!)),
    });
  };
  add(a, 'A');
  add(b, 'B');
  add(now, '');
  return marks;
}

function ridgeLabel(title: string, ridges: Ridges, now: number): string {
  const [first, last] = [ridges.zeroShare[0]!, ridges.zeroShare[nearestIndex(ridges.firstSteps, now)]!];
  return `${title}: histograms at ${ridges.firstSteps.length} steps, magnitudes from 2^${ridges.low} to 2^${ridges.high}. Exact zeros: ${formatValue('share', first)} at step ${ridges.firstSteps[0]}, ${formatValue('share', last)} at step ${now}.`;
}
