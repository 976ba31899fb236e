// SPDX-License-Identifier: Apache-2.0
// What has been loaded, and what follows from it and from the user's choices. Views read signals from
// here and request nothing themselves. No key contains a step: scrubbing never asks the server.
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { nearestStep, union } from '../model/steps';
import {
  ApiError,
  type Catalog,
  fetchCatalog,
  fetchHistograms,
  fetchRecords,
  fetchRuns,
  fetchSeries,
  fetchUnits,
  type HistogramColumns,
  type Run,
  type Runs,
  type Series,
  type Tag,
  type Units,
} from '../wire/api';
import { type Resource, ResourceMap } from '../wire/loadable';
import { Attention, Attribution, Findings, LayerTable, Numbers, Probe, RunStatus, Trust } from '../wire/schema_pb';
import type { Stamped } from '../wire/wire';
import { chosenRun, versus, wantedStep, withRuns } from './selection';
import { shownView } from './shown_view';

const PAGE = 256;
const WIDTH = 400;
const RIDGES = 60;

const resources = new ResourceMap();

/** All runs that hold our data, newest first. */
export const runs: Resource<Runs> = resources.get(['runs'], async (last) => sameOr(last, await fetchRuns()));

/** The run that is shown: the chosen one, or the newest; empty while there is none. */
export const run: ReadonlySignal<string> = computed(() => {
  const known = runs.loaded.value.value?.runs ?? [];
  const chosen = known.find((one) => one.run === chosenRun.value || one.name === chosenRun.value);
  return chosen?.run ?? known[0]?.run ?? '';
});

export const runInfo: ReadonlySignal<Run | undefined> = computed(() =>
  runs.loaded.value.value?.runs.find((one) => one.run === run.value),
);

/** The last value if the new one says the same, so that nothing is drawn again for no reason. */
export function sameOr<T>(last: T | undefined, next: T): T {
  return last !== undefined && JSON.stringify(last) === JSON.stringify(next) ? last : next;
}

export function catalog(of: string): Resource<Catalog> {
  return resources.get(['catalog', of], async (last) => sameOr(last, await fetchCatalog(of)));
}

/** The tag's entry in the catalog, or undefined: asking for a tag that is not there would be an error. */
async function tagOf(of: string, tag: string): Promise<Tag | undefined> {
  return (await catalog(of).want())?.tags.find((one) => one.tag === tag);
}

/** The newest record of a tag, or null where the run has none. */
function newest<T extends { version: number }>(
  of: string,
  tag: string,
  type: { decode(bytes: Uint8Array): T },
): Resource<Stamped<T> | null> {
  return resources.get(['newest', of, tag], async (last) => {
    const entry = await tagOf(of, tag);
    if (!entry) return null;
    if (last && last.wallTime === entry.wall_times.at(-1)) return last;
    return (await fetchRecords(type, { run: of, tag, limit: 1, newest: 1 })).at(-1) ?? null;
  });
}

export const status = (of: string): Resource<Stamped<RunStatus> | null> => newest(of, 'status', RunStatus);
export const probe = (of: string): Resource<Stamped<Probe> | null> => newest(of, 'probe', Probe);
export const findings = (of: string): Resource<Stamped<Findings> | null> => newest(of, 'findings', Findings);
export const layerTable = (of: string): Resource<Stamped<LayerTable> | null> => newest(of, 'layers', LayerTable);

/** All frames of an attribution tag such as `attribution/grad_cam/features.3`, in ascending steps. */
export function loadAttributions(of: string, tag: string): Resource<Stamped<Attribution>[]> {
  return resources.get(['frames', of, tag], (last) => loadFrames(of, tag, Attribution, last));
}

/** All trust records of an attribution tag, in ascending steps; none where nothing was measured. */
export function loadTrust(of: string, { method, layer, tag }: Tag): Resource<Stamped<Trust>[]> {
  return resources.get(['trust', of, tag], async (last) => {
    const found = (await catalog(of).want())?.tags.find(
      (one) => one.kind === 'Trust' && one.method === method && one.layer === layer,
    );
    return found ? loadFrames(of, found.tag, Trust, last) : (last ?? []);
  });
}

/** All frames of an attention tag such as `attention/block.attention`, in ascending steps. */
export function loadAttention(of: string, tag: string): Resource<Stamped<Attention>[]> {
  return resources.get(['frames', of, tag], (last) => loadFrames(of, tag, Attention, last));
}

/** All tables of a tag such as `numbers/my_signal`, in ascending steps. */
export function loadNumbers(of: string, tag: string): Resource<Stamped<Numbers>[]> {
  return resources.get(['frames', of, tag], (last) => loadFrames(of, tag, Numbers, last));
}

/** What the catalog lists, reusing the frames that are here already; pages of at most 256. */
async function loadFrames<T extends { version: number }>(
  of: string,
  tag: string,
  type: { decode(bytes: Uint8Array): T },
  last: Stamped<T>[] = [],
): Promise<Stamped<T>[]> {
  const entry = await tagOf(of, tag);
  if (!entry) return [];
  const have = new Map(last.map((frame) => [`${frame.step} ${frame.wallTime}`, frame]));
  const missing = entry.steps.filter((one, i) => !have.has(`${one} ${entry.wall_times[i]}`));
  if (missing.length === 0 && last.length === entry.steps.length) return last;
  for await (const frame of pages(of, tag, type, missing)) have.set(`${frame.step} ${frame.wallTime}`, frame);
  return entry.steps.flatMap((one, i) => have.get(`${one} ${entry.wall_times[i]}`) ?? []);
}

async function* pages<T extends { version: number }>(
  of: string,
  tag: string,
  type: { decode(bytes: Uint8Array): T },
  steps: number[],
): AsyncGenerator<Stamped<T>> {
  for (let at = 0; at < steps.length; at += PAGE) {
    const page = steps.slice(at, at + PAGE);
    yield* await fetchRecords(type, { run: of, tag, begin: page[0]!, end: page.at(-1)!, limit: PAGE });
  }
}

/** One statistic of all rows over all steps, or null where the run does not log the signal or, older, the statistic. */
export function series(of: string, signal: string, column: string): Resource<Series | null> {
  const tag = signal === 'scalars' || signal === 'heads' ? signal : `stats/${signal}`;
  return resources.get(['series', of, signal, column], async () =>
    (await tagOf(of, tag)) ? orNull(fetchSeries(of, signal, column, WIDTH)) : null,
  );
}

/** The answer, or null where the server knows nothing of that name. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** The histograms of one layer or parameter over the steps, or null where there are none. */
export function histograms(of: string, signal: string, name: string): Resource<HistogramColumns | null> {
  return resources.get(['histograms', of, signal, name], async () =>
    (await tagOf(of, `histograms/${signal}`)) ? fetchHistograms(of, signal, name, RIDGES) : null,
  );
}

/** Which units of a layer are active over the steps, or null where that is not logged. */
export function units(of: string, layer: string): Resource<Units | null> {
  return resources.get(['units', of, layer], async () =>
    (await tagOf(of, 'units')) ? fetchUnits(of, layer, WIDTH) : null,
  );
}

export const tagsOf = (of: string): Tag[] => (of ? (catalog(of).loaded.value.value?.tags ?? []) : []);

const tags = computed<Tag[]>(() => tagsOf(run.value));

const MOST_COMPARED = 4;

/** The runs side by side in Compare, the one shown first; without a choice the newest other one is the second. */
export const compared: ReadonlySignal<string[]> = computed(() => {
  const others = (runs.loaded.value.value?.runs ?? []).map((one) => one.run).filter((one) => one !== run.value);
  const chosen = others.filter((one) => withRuns.value.has(one)).slice(0, MOST_COMPARED - 1);
  return versus.value === 'steps' ? [run.value] : [run.value, ...(chosen.length ? chosen : others.slice(0, 1))];
});

/** What the scrubber is about: in Compare the tags of all runs compared. */
const scrubbedTags = computed<Tag[]>(() => (shownView.value?.compares ? compared.value.flatMap(tagsOf) : tags.value));

/** The run's attribution tags, as the catalog lists them. */
export const attributionTags = computed(() => tags.value.filter((tag) => tag.kind === 'Attribution'));
export const attentionTags = computed(() => tags.value.filter((tag) => tag.kind === 'Attention'));

/** Tags of signals that are not ours: tables of numbers. */
export const numbersTags = computed(() => tags.value.filter((tag) => tag.kind === 'Numbers'));

/** Steps at which explanations or attention maps exist: the scrubber's long ticks. */
export const snapshotSteps = computed(() =>
  union(
    scrubbedTags.value.filter((tag) => tag.kind === 'Attribution' || tag.kind === 'Attention').map((tag) => tag.steps),
  ),
);

/** Steps at which statistics exist: the short ticks. */
export const statisticSteps = computed(() =>
  union(scrubbedTags.value.filter((tag) => tag.statistic).map((tag) => tag.steps)),
);

/** All steps that hold anything. */
export const allSteps = computed(() => union([snapshotSteps.value, statisticSteps.value]));

/** Steps that the view on screen wants marked on the scrubber: where a sample's focus jumps. */
export const markedSteps = signal<readonly number[]>([]);

/** The steps that the arrow keys visit in this view. */
export const viewSteps = computed(() => {
  return shownView.value?.pictures && snapshotSteps.value.length ? snapshotSteps.value : allSteps.value;
});

export const following = computed(() => wantedStep.value === null);

/** The wanted step as a number: the newest one while following. */
export const step = computed(() => wantedStep.value ?? allSteps.value.at(-1) ?? 0);

/** The nearest of `steps` at or before the wanted step: what to show of something logged at `steps`. */
export function at(steps: readonly number[]): number | undefined {
  return nearestStep(steps, step.value);
}

/** Ask again for everything: the runs and catalogs first, then what is on screen. */
export async function refreshAll(): Promise<void> {
  await runs.refresh();
  if (!run.value) return;
  const listings = (shownView.value?.compares ? compared.value : [run.value]).map(catalog);
  const before = listings.map((one) => one.loaded.peek().value);
  await Promise.all(listings.map((one) => one.refresh()));
  const news = listings.some((one, i) => one.loaded.peek().value !== before[i]);
  if (news) await resources.refresh([runs, ...listings] as Resource<unknown>[]);
}
