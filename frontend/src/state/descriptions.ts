// SPDX-License-Identifier: Apache-2.0
// What the methods, statistics and kinds of the run shown are called and mean: as its log says, not as we know.
import { computed, type ReadonlySignal } from '@preact/signals';
import { spaced } from '../model/format';
import { meaningIn, type Methods, titleIn } from '../model/methods';
import { offeredOf } from '../model/metrics';
import type { Descriptions, KindDescription } from '../wire/api';
import { metric } from './selection';
import { catalog, run, sameOr } from './store';

const NONE: Descriptions = { methods: [], columns: [], kinds: [] };

let last = NONE;

/** Of the run shown; the same object until they change, so that nothing is drawn again for a new step. */
export const descriptions: ReadonlySignal<Descriptions> = computed(() => {
  const found = run.value ? catalog(run.value).loaded.value.value?.descriptions : undefined;
  last = sameOr(last, found ?? NONE);
  return last;
});

const methods = computed<Methods>(() => new Map(descriptions.value.methods.map((one) => [one.name, one])));

export const methodName = (name: string): string => titleIn(methods.value, name);

export const methodMeaning = (name: string): string => meaningIn(methods.value, name);

export const failsRandomisation = (name: string): boolean => methods.value.get(name)?.unfaithful ?? false;

/** "Grad-CAM · conv3" */
export const tagLabel = ({ method, layer: of }: { method: string; layer: string }): string =>
  `${methodName(method)} · ${of || 'input'}`;

/** The statistics that strips offer. */
export const metrics = computed(() => offeredOf(descriptions.value.columns));

/** The one that is chosen, or the first; undefined where the log and the server describe none. */
export const chosenColumn = computed(() => metrics.value.find((one) => one.key === metric.value) ?? metrics.value[0]);

/** What a statistic means; empty where that is not said. */
export const columnMeaning = (signal: string, name: string): string =>
  descriptions.value.columns.find((one) => one.signal === signal && one.name === name)?.meaning ?? '';

/** What a user's own kind is called and means; its name in words where nothing is said. */
export function kindOf(name: string): KindDescription {
  const found = descriptions.value.kinds.find((one) => one.name === name);
  return { name, meaning: '', unit: '', scale: 'linear', ...found, title: found?.title || spaced(name) };
}
