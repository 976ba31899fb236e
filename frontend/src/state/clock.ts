// SPDX-License-Identifier: Apache-2.0
// What happens by itself: playing the film, asking for new data, telling the time. All of it rests
// while TensorBoard hides our frame.
import { signal } from '@preact/signals';
import { stepBy } from '../model/steps';
import { isVisible, onDataReloaded, prefersReducedMotion } from '../wire/host';
import { playing, wantedStep } from './selection';
import { refreshAll, step, viewSteps } from './store';

const POLL_MS = 5000;
const FRAME_MS = 500;

export { playing };

/** Seconds since 1970, every few seconds: for "last data 6 min ago". */
export const now = signal(Date.now() / 1000);

/** Move `count` logged steps of this view; leaves Follow. */
export function moveBy(count: number): void {
  wantedStep.value = stepBy(viewSteps.value, step.value, count);
}

export function goTo(wanted: number): void {
  wantedStep.value = Math.max(0, Math.round(wanted));
}

export function goFirst(): void {
  const first = viewSteps.value[0];
  if (first !== undefined) goTo(first);
}

/** The newest step, now and whenever there is a newer one. */
export function follow(): void {
  wantedStep.value = null;
}

export function toggleFollow(): void {
  wantedStep.value = wantedStep.value === null ? step.value : null;
}

let player = 0;

/** Start or stop the film; from the end it starts over. With reduced motion it moves one step only. */
export function togglePlay(): void {
  if (playing.value) {
    stopPlaying();
    return;
  }
  if (atEnd()) goFirst();
  else moveBy(1);
  if (prefersReducedMotion()) return;
  playing.value = true;
  player = window.setInterval(() => {
    if (!isVisible()) return;
    if (atEnd()) stopPlaying();
    else moveBy(1);
  }, FRAME_MS);
}

export function stopPlaying(): void {
  clearInterval(player);
  playing.value = false;
}

function atEnd(): boolean {
  const steps = viewSteps.value;
  return steps.length === 0 || step.value >= steps.at(-1)!;
}

/** Ask for new data every few seconds and when TensorBoard's reload button is pressed. */
export function startClock(): void {
  let busy = false;
  const refresh = async (): Promise<void> => {
    now.value = Date.now() / 1000;
    if (busy || !isVisible()) return;
    busy = true;
    await refreshAll().finally(() => {
      busy = false;
    });
  };
  window.setInterval(() => void refresh(), POLL_MS);
  onDataReloaded(() => void refresh());
}
