// SPDX-License-Identifier: Apache-2.0
// What is known of the attention heads: which layers have how many, and how spread each head is at a step.
import type { Series } from '../wire/api';
import { type Attention, type Grid, headWeights, type Stamped } from '../wire/wire';
import { meanGrid, percentile } from './maps/grid';
import { nearestIndex } from './steps';

export interface HeadRow {
  layer: string;
  /** Normalised entropy of each head: 0 = one key, 1 = all keys alike; NaN: not known. */
  entropy: number[];
}

/** Layers × heads at the logged step nearest to `wanted`, from the series' rows LAYER#HEAD. */
export function headGrid(series: Series, wanted: number): HeadRow[] {
  const column = nearestIndex(series.firstSteps, wanted);
  const rows = new Map<string, number[]>();
  series.names.forEach((name, row) => {
    const { layer, head } = parseHead(name);
    if (!rows.has(layer)) rows.set(layer, []);
    rows.get(layer)![head] = column < 0 ? NaN : series.mean[row * series.firstSteps.length + column]!;
  });
  return [...rows].map(([layer, entropy]) => ({ layer, entropy }));
}

/** The same from the attention frames, for logs without head statistics. */
export function headRow(layer: string, frame: Stamped<Attention>): HeadRow {
  const most = Math.log(frame.record.keys);
  return { layer, entropy: frame.record.entropy.map((nats) => (most > 0 ? nats / most : NaN)) };
}

export function parseHead(name: string): { layer: string; head: number } {
  const at = name.lastIndexOf('#');
  return { layer: name.slice(0, at), head: Number(name.slice(at + 1)) };
}

/** One head's matrix, or the mean of all heads for `head` -1. */
export function headMatrix(record: Attention, n: number, head: number): Grid {
  const heads = record.shape[1] ?? 1;
  if (head >= 0 && head < heads) return headWeights(record, n, head);
  return meanGrid(Array.from({ length: heads }, (_, one) => headWeights(record, n, one)));
}

/** Frames looked at for one scale: enough to see how far attention sharpens, few enough for large maps. */
const SCALE_FRAMES = 12;

/** One scale for a head over all steps: the largest 99th percentile of a dozen even frames, the last among them. */
export function headScale(frames: readonly Stamped<Attention>[], n: number, head: number): number {
  const count = Math.min(SCALE_FRAMES, frames.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => frames[frames.length - 1 - Math.floor((i * frames.length) / count)]!,
  );
  return Math.max(0, ...chosen.map((frame) => percentile([headMatrix(frame.record, n, head)], 0.99)));
}

/** "uniform", "focused" or between: a word beside the number. */
export function spreadWord(entropy: number): string {
  if (!Number.isFinite(entropy)) return 'not a number';
  if (entropy > 0.98) return 'uniform';
  if (entropy < 0.1) return 'one key';
  return entropy > 0.6 ? 'spread' : 'focused';
}

/** Heads at the two ends, which are the ones to look at. */
export function headFinding(rows: readonly HeadRow[]): string {
  const all = rows.flatMap((row) => row.entropy);
  const uniform = all.filter((one) => one > 0.98).length;
  const single = all.filter((one) => one < 0.1).length;
  const parts = [
    uniform && `${uniform} of ${all.length} heads attend to all keys alike`,
    single && `${single} of ${all.length} attend to a single key`,
  ].filter(Boolean);
  return parts.length ? `${parts.join('; ')}.` : `None of ${all.length} heads is uniform or stuck on a single key.`;
}

/** What token `i` of sample `n` is called: its text, its patch, or its number. */
export function tokenName(
  i: number,
  tokens: readonly string[] | undefined,
  patches: { rows: number; columns: number; prefix: number },
): string {
  if (tokens?.[i] !== undefined) return `“${tokens[i]}”`;
  if (patches.rows * patches.columns === 0) return `token ${i + 1}`;
  if (i < patches.prefix) return patches.prefix === 1 ? 'class token' : `prefix token ${i + 1}`;
  const patch = i - patches.prefix;
  return `patch row ${Math.floor(patch / patches.columns) + 1}, column ${(patch % patches.columns) + 1}`;
}
