// SPDX-License-Identifier: Apache-2.0
// Arithmetic on training steps, without any state: the nearest-step rule, unions, the scrubber's scale.

/** Index of the nearest logged step at or before `wanted`; the first one if none is; -1 for no steps. */
export function nearestIndex(steps: readonly number[], wanted: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return steps.length === 0 ? -1 : Math.max(0, low - 1);
}

/** The logged step shown for `wanted`, or undefined where there is none. */
export function nearestStep(steps: readonly number[], wanted: number): number | undefined {
  return steps[nearestIndex(steps, wanted)];
}

/** All different steps of several ascending lists, ascending. */
export function union(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

/** The step `count` places from the one shown at `wanted`; stops at the ends. */
export function stepBy(steps: readonly number[], wanted: number, count: number): number {
  const index = Math.min(steps.length - 1, Math.max(0, nearestIndex(steps, wanted) + count));
  return steps[index] ?? wanted;
}

export type ScaleKind = 'linear' | 'log';

/** Where steps lie between 0 and 1 on the scrubber: true to their value, or to its logarithm. */
export interface StepScale {
  toFraction(step: number): number;
  toStep(fraction: number): number;
}

export function stepScale(first: number, last: number, kind: ScaleKind): StepScale {
  const squash =
    kind === 'log' ? (step: number) => Math.log1p(Math.max(0, step - first)) : (step: number) => step - first;
  const unsquash = kind === 'log' ? Math.expm1 : (value: number) => value;
  const span = squash(last) || 1;
  const clamp = (value: number): number => Math.min(1, Math.max(0, value));
  return {
    toFraction: (step) => clamp(squash(step) / span),
    toStep: (fraction) => first + unsquash(clamp(fraction) * span),
  };
}

/** A step as people read it: 12 400, with narrow spaces that do not break. */
export function formatStep(step: number): string {
  return Math.round(step)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** What a person typed as a step, or undefined. Spaces and separators are theirs to use. */
export function parseStep(text: string): number | undefined {
  const digits = text.replace(/[\s\u202f_,.']/g, '');
  return /^\d+$/.test(digits) ? Number(digits) : undefined;
}
