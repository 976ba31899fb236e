// SPDX-License-Identifier: Apache-2.0
// One function per route of `http_api.md`: typed answers in, sentences for errors out.
import { HistogramAnswer, SeriesAnswer, Source, UnitAnswer } from './schema_pb';
import { decodeFrames, decodeMessage, float32, type Stamped } from './wire';

export interface Run {
  run: string;
  name: string;
  first_step: number;
  last_step: number;
  started: number;
  updated: number;
}

export interface Runs {
  schema_version: number;
  logdir: string;
  runs: Run[];
}

export interface Tag {
  tag: string;
  kind: string;
  method: string;
  layer: string;
  signal: string;
  /** Whether its steps are steps at which the network was observed. */
  statistic: boolean;
  steps: number[];
  /** Of every step for maps, attention, trust and numbers; else of the newest alone. */
  wall_times: number[];
}

/** What a method is called and means, and whether its maps hardly change when the weights are made random. */
export interface MethodDescription {
  name: string;
  title: string;
  meaning: string;
  explains: string;
  signed: boolean;
  unfaithful: boolean;
  source: string;
}

/** A statistic of the rows of a signal. `low` and `high` 0: the scale ends where the data do. */
export interface ColumnDescription {
  signal: string;
  name: string;
  title: string;
  unit: string;
  meaning: string;
  scale: string;
  low: number;
  high: number;
  low_is_bad: boolean;
  /** Its name in the address; empty where strips do not offer it. */
  key: string;
}

/** A signal that this version does not know: a user's own. */
export interface KindDescription {
  name: string;
  title: string;
  meaning: string;
  unit: string;
  scale: string;
}

/** What travels with the log, so that the tab needs no tables of its own. */
export interface Descriptions {
  methods: MethodDescription[];
  columns: ColumnDescription[];
  kinds: KindDescription[];
}

export interface Catalog {
  run: string;
  name: string;
  tags: Tag[];
  problems: string[];
  descriptions: Descriptions;
}

/** Where decimated columns of steps begin and end, and how much they stand for. */
export interface Columns {
  firstSteps: number[];
  lastSteps: number[];
  kept: number;
  source: string;
  numSamples: number[];
}

/** One statistic of all rows: `mean`, `low`, `high` are [names, columns]. */
export interface Series extends Columns {
  names: string[];
  mean: Float32Array;
  low: Float32Array;
  high: Float32Array;
}

/** Signed log2 histograms of one row: `counts` is [columns, 2 * exponents + 2]. */
export interface HistogramColumns extends Columns {
  name: string;
  minExponent: number;
  exponents: number;
  counts: number[];
}

/** Share of samples in which each unit is active: `live` is [columns, units]. */
export interface Units extends Columns {
  layer: string;
  units: number;
  live: Float32Array;
}

/** A request that failed; the message is a sentence for people. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

let home = 'http://localhost/';

/** Where the routes are: beside the entry module, which says so; this one may be bundled into assets/. */
export function setHome(url: string): void {
  home = url;
}

type Query = Record<string, string | number | undefined>;

async function get(route: string, query: Query = {}): Promise<Response> {
  const url = new URL(route, home);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new ApiError('TensorBoard does not answer. Is it still running?', 0);
  }
  if (!response.ok) throw new ApiError(await reason(response), response.status);
  return response;
}

async function reason(response: Response): Promise<string> {
  const text = (await response.text()).trim();
  const plain = text && !text.startsWith('<') ? text.slice(0, 300) : response.statusText;
  return `${plain} (HTTP ${response.status})`;
}

async function bytes(route: string, query: Query): Promise<Uint8Array> {
  return new Uint8Array(await (await get(route, query)).arrayBuffer());
}

export async function fetchRuns(): Promise<Runs> {
  return (await get('runs')).json() as Promise<Runs>;
}

/** A tag as it travels: its steps as runs [first, stride, count]. */
type CompactTag = Omit<Tag, 'steps'> & { steps?: number[]; step_runs?: [number, number, number][] };

type CompactCatalog = Omit<Catalog, 'tags' | 'descriptions'> & {
  tags: CompactTag[];
  descriptions?: Partial<Descriptions>;
};

export async function fetchCatalog(run: string): Promise<Catalog> {
  const found = (await (await get('catalog', { run, compact: 1 })).json()) as CompactCatalog;
  return {
    ...found,
    tags: found.tags.map(({ step_runs, ...tag }) => ({ ...tag, steps: tag.steps ?? stepsOf(step_runs ?? []) })),
    descriptions: { methods: [], columns: [], kinds: [], ...found.descriptions },
  };
}

/** The steps of runs [first, stride, count]. */
export const stepsOf = (runs: readonly (readonly [number, number, number])[]): number[] =>
  runs.flatMap(([first, stride, count]) => Array.from({ length: count }, (_, i) => first + i * stride));

/** At most `limit` (up to 256) records of one tag; the last ones with `newest`. */
export async function fetchRecords<T extends { version: number }>(
  type: { decode(bytes: Uint8Array): T },
  query: { run: string; tag: string; begin?: number; end?: number; limit?: number; newest?: 1 },
): Promise<Stamped<T>[]> {
  return decodeFrames(type, await bytes('records', query));
}

export async function fetchSeries(run: string, signal: string, column: string, width: number): Promise<Series> {
  const answer = decodeMessage(SeriesAnswer, await bytes('series', { run, signal, column, width }));
  return {
    ...columns(answer),
    names: answer.names,
    numSamples: answer.numSamples,
    mean: float32(answer.mean),
    low: float32(answer.low),
    high: float32(answer.high),
  };
}

export async function fetchHistograms(
  run: string,
  signal: string,
  name: string,
  width: number,
): Promise<HistogramColumns> {
  const answer = decodeMessage(HistogramAnswer, await bytes('histograms', { run, signal, name, width }));
  const { minExponent, exponents, counts } = answer;
  return { ...columns(answer), numSamples: [], name: answer.name, minExponent, exponents, counts };
}

export async function fetchUnits(run: string, layer: string, width: number): Promise<Units> {
  const answer = decodeMessage(UnitAnswer, await bytes('units', { run, layer, width }));
  return {
    ...columns(answer),
    numSamples: answer.numSamples,
    layer: answer.layer,
    units: answer.units,
    live: float32(answer.live),
  };
}

function columns(answer: { firstSteps: number[]; lastSteps: number[]; kept: number; source: Source }) {
  const { firstSteps, lastSteps, kept, source } = answer;
  return { firstSteps, lastSteps, kept, source: sourceName(source) };
}

/** The words for where a number was measured; empty if the record does not say. */
export function sourceName(source: Source): string {
  if (source === Source.TRAINING_BATCH) return 'training batch';
  return source === Source.PROBE ? 'probe' : '';
}
