// SPDX-License-Identifier: Apache-2.0
// Comparing two maps by order instead of by size, held against numbers that Python works out (tests/golden):
// rank correlation, and overlap of what is strongest. The values' unit and scale do not matter.

type Values = ArrayLike<number>;

function finite(values: Values): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Ranks from 1; ties share the mean of their ranks. undefined for a map with a value that is not finite. */
export function mapRanks(values: Values): Float64Array | undefined {
  if (!finite(values)) return undefined;
  const order = ascending(values);
  const ranks = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) ranks[order[i]!] = (first + end - 1) / 2 + 1;
    first = end;
  }
  return ranks;
}

const LOW = 2 ** 16;

/** Indices in ascending order of the values. */
function ascending(values: Values): Uint32Array {
  if (!(values instanceof Float32Array) || values.length > LOW)
    return Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  // Numbers sort ten times faster than with a function: the value's bits, made to ascend, above the index.
  const bits = new Uint32Array(values.map((value) => value + 0).buffer); // −0 becomes 0
  const keys = new Float64Array(values.length);
  for (let i = 0; i < keys.length; i++)
    keys[i] = ((bits[i]! >>> 31 ? ~bits[i]! : bits[i]! | 0x80000000) >>> 0) * LOW + i;
  return Uint32Array.from(keys.sort(), (key) => key % LOW);
}

/** Pearson's correlation of two maps of ranks; NaN where either is undefined or constant. */
export function correlate(a: Float64Array | undefined, b: Float64Array | undefined): number {
  if (!a || !b || a.length !== b.length) return NaN;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  const below = Math.sqrt(aa * bb);
  return below > 0 ? ab / below : NaN;
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Spearman's rank correlation in -1 … 1; NaN where a map is constant, not finite, or of another size. */
export function rankCorrelation(a: Values, b: Values): number {
  return correlate(mapRanks(a), mapRanks(b));
}

/** The cells of the greatest `share`, at least one, ties included, never the minimum: a constant map has none. */
export function strongest(values: Values, share = 0.1): Uint8Array {
  const cells = new Uint8Array(values.length);
  if (!values.length || !finite(values)) return cells;
  const sorted = Float64Array.from(values as ArrayLike<number>).sort();
  const count = Math.max(1, Math.ceil(share * values.length - 1e-9));
  const [least, lowest] = [sorted[sorted.length - count]!, sorted[0]!];
  for (let i = 0; i < cells.length; i++) cells[i] = values[i]! >= least && values[i]! > lowest ? 1 : 0;
  return cells;
}

/** Intersection over union of two sets of cells; NaN where either is empty or they are of different size. */
export function setOverlap(a: Uint8Array, b: Uint8Array): number {
  let [both, either, inA, inB] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i]! & b[i]!;
    either += a[i]! | b[i]!;
    inA += a[i]!;
    inB += b[i]!;
  }
  return a.length === b.length && inA && inB ? both / either : NaN;
}

/** Intersection over union of the strongest cells of two maps. */
export function topOverlap(a: Values, b: Values, share = 0.1): number {
  return setOverlap(strongest(a, share), strongest(b, share));
}
