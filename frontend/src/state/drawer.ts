// SPDX-License-Identifier: Apache-2.0
// What stands behind a finding, and how the drawer is opened on it: which layer, which two steps.
import { batch, computed } from '@preact/signals';
import { type Board, boardOf, keyOf, readingOrder } from '../model/findings';
import { nearestIndex } from '../model/steps';
import type { Finding, Layer, LayerTable, Parameter } from '../wire/schema_pb';
import { goTo } from './clock';
import { acknowledgedFindings, drawerLayer, mutedFindings, shownFinding, stepA, stepB, toggled } from './selection';
import { allSteps, catalog, findings, layerTable, run } from './store';

/** How many logged steps before the onset A lies: far enough to look different, near enough to be the cause's. */
const BEFORE = 3;

/** What the rules said last; null where this run's recorder has none, undefined while that is unknown. */
export const ruled = computed(() => (run.value ? findings(run.value).loaded.value.value : undefined));

export const board = computed<Board>(() =>
  boardOf(ruled.value?.record.findings ?? [], mutedFindings.value, acknowledgedFindings.value),
);

/** The finding that the drawer shows. */
export const current = computed<Finding | undefined>(() =>
  shownFinding.value ? ruled.value?.record.findings.find((one) => keyOf(one) === shownFinding.value) : undefined,
);

/** The layer that the drawer is about; empty for the whole network. A link may name the finding only. */
export const drawerName = computed(
  () => drawerLayer.value || (current.value?.layer ? layerOf(current.value.layer, table()?.parameters ?? []) : ''),
);

export function findingOf(key: string): Finding | undefined {
  return ruled.peek()?.record.findings.find((one) => keyOf(one) === key);
}

function table(): LayerTable | undefined {
  return run.value ? layerTable(run.value).loaded.value.value?.record : undefined;
}

/** The layer of a row or of a finding: rows of weight signals are parameters such as `conv1.weight`. */
export function layerOf(name: string, parameters: readonly Pick<Parameter, 'name' | 'layer'>[]): string {
  return parameters.find((one) => one.name === name)?.layer || name;
}

/** Open a layer's drawer at a step, on no finding in particular. */
export function openLayer(name: string, atStep?: number): void {
  batch(() => {
    shownFinding.value = '';
    drawerLayer.value = layerOf(name, table()?.parameters ?? []);
    if (atStep !== undefined) goTo(atStep);
  });
}

/** Open the evidence of a finding: A before its onset, B and the step shown at it. */
export function openFinding(finding: Finding): void {
  const [a, b] = onsetSteps(evidenceSteps(), finding.firstStep);
  batch(() => {
    shownFinding.value = keyOf(finding);
    drawerLayer.value = finding.layer && layerOf(finding.layer, table()?.parameters ?? []);
    [stepA.value, stepB.value] = [a, b];
    goTo(b);
  });
}

export function closeDrawer(): void {
  batch(() => {
    [shownFinding.value, drawerLayer.value] = ['', ''];
  });
}

/** The next or the previous finding of the list, round about; the first where none is open. */
export function moveFinding(by: number): void {
  const list = readingOrder(board.value);
  if (list.length === 0) return;
  const at = list.findIndex((one) => keyOf(one) === shownFinding.value);
  const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length;
  openFinding(list[next]!);
}

export function toggleMuted(key: string): void {
  mutedFindings.value = toggled(mutedFindings.value, key);
}

export function toggleAcknowledged(key: string): void {
  acknowledgedFindings.value = toggled(acknowledgedFindings.value, key);
}

const EVIDENCE_TAGS = ['histograms/activation', 'units', 'stats/activation', 'stats/weight'];

/** Steps at which the pictures of the drawer exist. */
function evidenceSteps(): readonly number[] {
  const tags = catalog(run.value).loaded.value.value?.tags ?? [];
  return EVIDENCE_TAGS.flatMap((name) => tags.filter((tag) => tag.tag === name))[0]?.steps ?? allSteps.value;
}

/** A: a logged step before the onset, null where there is none. B: the first logged one from the onset on. */
export function onsetSteps(steps: readonly number[], onset: number): [number | null, number] {
  const at = nearestIndex(steps, onset);
  if (at < 0) return [null, onset];
  const b = steps[at]! < onset && at + 1 < steps.length ? at + 1 : at;
  const a = Math.max(0, b - BEFORE);
  return [a < b ? steps[a]! : null, steps[b]!];
}

/** The weights that act on a layer: its own, or those of the nearest layer before it that has any. */
export function weightsOf(
  name: string,
  { layers, parameters }: Pick<LayerTable, 'layers' | 'parameters'>,
): Parameter[] {
  const own = (layer: string): Parameter[] => parameters.filter((one) => one.layer === layer && one.shape.length > 1);
  for (let at = placeOf(name, layers); at >= 0; at--) {
    const found = own(layers[at]!.name);
    if (found.length) return found;
  }
  return own(name).length ? own(name) : parameters.filter((one) => one.layer === name);
}

/** The layer itself or the first after it of which there are explanations; undefined where there is none. */
export function explainedFrom(
  name: string,
  layers: readonly Layer[],
  explained: ReadonlySet<string>,
): string | undefined {
  if (explained.has(name)) return name;
  const at = placeOf(name, layers);
  return at < 0 ? undefined : layers.slice(at).find((one) => explained.has(one.name))?.name;
}

function placeOf(name: string, layers: readonly Layer[]): number {
  return layers.findIndex((one) => one.name === name);
}

/** The scalar that holds the learning rate of a parameter group. */
export function rateName(group: number): string {
  return group === 0 ? 'learning_rate' : `learning_rate/${group}`;
}

/** Logged steps on either side of an onset that the lines show. */
const AROUND = 12;

/** The first and the last step of the window around an onset, in logged steps. */
export function windowAround(steps: readonly number[], onset: number, around = AROUND): [number, number] {
  const at = nearestIndex(steps, onset);
  if (at < 0) return [onset, onset];
  return [steps[Math.max(0, at - around)]!, steps[Math.min(steps.length - 1, at + around)]!];
}

export function onsetRange(onset: number): [number, number] {
  return windowAround(evidenceSteps(), onset);
}
