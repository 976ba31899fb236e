// SPDX-License-Identifier: Apache-2.0
// One scrubber for all views, true to the distance between steps, with a mark wherever there is data.
import { useSignal } from '@preact/signals';
import { useCallback } from 'preact/hooks';
import type { Surface } from '../draw/canvas';
import type { Theme } from '../draw/theme';
import { drawTicks } from '../draw/ticks';
import { formatStep, nearestStep, parseStep, stepScale } from '../model/steps';
import { follow, goFirst, goTo, moveBy, playing, stopPlaying, toggleFollow, togglePlay } from '../state/clock';
import { stepSpacing } from '../state/selection';
import { allSteps, at, following, markedSteps, snapshotSteps, statisticSteps, step, viewSteps } from '../state/store';
import { Shown } from '../ui/async';
import { Picture } from '../ui/picture';
import { Icon } from './icons';

const INSET = 8;

export function Scrubber() {
  return (
    <div class="header-row scrubber-row">
      <button type="button" class="icon" aria-label="First step" title="First step (Home)" onClick={goFirst}>
        <Icon name="first" />
      </button>
      <button
        type="button"
        class="icon"
        aria-label={playing.value ? 'Stop' : 'Play'}
        title="Play the film (Space)"
        onClick={togglePlay}
      >
        <Icon name={playing.value ? 'stop' : 'play'} />
      </button>
      <button
        type="button"
        class="icon"
        aria-label="Newest step"
        title="Newest step, and follow (End)"
        onClick={follow}
      >
        <Icon name="newest" />
      </button>
      <StepField />
      <Track />
      <button
        type="button"
        class="toggle"
        aria-pressed={stepSpacing.value === 'log'}
        title="Space the steps by their logarithm: early training gets more room"
        onClick={() => {
          stepSpacing.value = stepSpacing.value === 'log' ? 'linear' : 'log';
        }}
      >
        log
      </button>
      <button
        type="button"
        class="toggle"
        aria-pressed={following.value}
        title="Stay on the newest step while training runs (End)"
        onClick={toggleFollow}
      >
        Follow
      </button>
    </div>
  );
}

function StepField() {
  const wrong = useSignal(false);
  const commit = (input: HTMLInputElement): void => {
    const typed = parseStep(input.value);
    wrong.value = typed === undefined;
    if (typed !== undefined && typed !== step.value) goTo(typed);
    if (typed !== undefined) input.value = formatStep(step.value);
  };
  return (
    <label class="step-field">
      <span>step</span>
      <input
        type="text"
        inputMode="numeric"
        size={8}
        value={formatStep(step.value)}
        aria-invalid={wrong.value}
        title="Type a step and press Enter; the nearest logged one before it is shown"
        onChange={(event) => commit(event.currentTarget)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur();
        }}
      />
      <span class="soft">of {formatStep(allSteps.value.at(-1) ?? 0)}</span>
      <Shown wanted={step.value} shown={at(viewSteps.value)} />
    </label>
  );
}

function Track() {
  const steps = allSteps.value;
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 0];
  const snapshots = snapshotSteps.value;
  const marks = markedSteps.value;
  const statistics = statisticSteps.value;
  const spacing = stepSpacing.value;
  const scale = stepScale(first, last, spacing);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, surface: Surface, theme: Theme) =>
      drawTicks(
        context,
        { scale: stepScale(first, last, spacing), snapshots, statistics, marks, inset: INSET },
        surface,
        theme,
      ),
    [first, last, spacing, snapshots, statistics, marks],
  );
  const drag = (event: PointerEvent): void => {
    const track = event.currentTarget as HTMLElement;
    if (event.type === 'pointerdown') {
      stopPlaying();
      track.setPointerCapture(event.pointerId);
    }
    if (event.buttons !== 1) return;
    const box = track.getBoundingClientRect();
    const wanted = scale.toStep((event.clientX - box.left - INSET) / (box.width - 2 * INSET));
    goTo(closest(viewSteps.value, wanted));
  };
  const place = `calc(${INSET}px + ${scale.toFraction(step.value)} * (100% - ${2 * INSET}px))`;
  return (
    <div
      class="track"
      role="slider"
      tabIndex={0}
      aria-label="Step"
      aria-valuemin={first}
      aria-valuemax={last}
      aria-valuenow={step.value}
      aria-valuetext={`step ${step.value} of ${last}`}
      onPointerDown={drag}
      onPointerMove={drag}
      onWheel={(event) => {
        event.preventDefault();
        moveBy(Math.sign(event.deltaY));
      }}
      title={`${snapshots.length} steps with explanations (long marks), ${statistics.length} with statistics (short marks)${marks.length ? `; ▼ where this sample’s focus jumps: ${marks.map(formatStep).join(', ')}` : ''}`}
    >
      <Picture
        height={28}
        draw={draw}
        label={`${snapshots.length} explanation snapshots and ${statistics.length} steps of statistics between step ${first} and ${last}`}
      />
      <span class="thumb" style={{ left: place }} aria-hidden="true" />
    </div>
  );
}

/** The logged step closest to where the pointer is, on either side. */
export function closest(steps: readonly number[], wanted: number): number {
  const below = nearestStep(steps, wanted) ?? wanted;
  const above = steps.find((one) => one > below) ?? below;
  return Math.abs(above - wanted) < Math.abs(wanted - below) ? above : below;
}
