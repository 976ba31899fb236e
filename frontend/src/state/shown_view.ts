// SPDX-License-Identifier: Apache-2.0
// Which view is on screen, and the little that the rest of the state has to know of it.
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { param } from './selection';

/** Of a row of the table in views/index.ts, which stands above and declares itself here. */
export interface ViewFacts {
  /** Its name in the address. */
  id: string;
  /** The arrow keys visit the steps that have pictures, not every logged one. */
  pictures?: boolean;
  /** It shows several runs. */
  compares?: boolean;
}

const LANDING = 'overview';

const declared = signal<readonly ViewFacts[]>([]);

/** Id of the view on screen; what the table does not know reads as the landing view. */
export const view = param<string>('view', LANDING, {
  read: (text) => (declared.peek().some((one) => one.id === text) ? text : LANDING),
  write: (value) => value,
});

export function declareViews(rows: readonly ViewFacts[]): void {
  declared.value = rows;
}

export const shownView: ReadonlySignal<ViewFacts | undefined> = computed(() =>
  declared.value.find((one) => one.id === view.value),
);
