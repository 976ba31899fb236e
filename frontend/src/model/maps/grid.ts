// SPDX-License-Identifier: Apache-2.0
// Arithmetic on maps: sums, percentiles, means. No state.
import type { Grid } from '../../wire/wire';

/** Sum of |v|; NaN where a value is not finite, for a sum without it would be made up. */
export function totalMass(map: Grid): number {
  let sum = 0;
  for (const value of map.values) sum += Math.abs(value);
  return Number.isFinite(sum) ? sum : NaN;
}

/** The value of |v| that a `share` of all finite values does not exceed; 0 if there are none. */
export function percentile(maps: readonly Grid[], share: number): number {
  const all = new Float32Array(maps.reduce((sum, map) => sum + map.values.length, 0));
  let count = 0;
  for (const { values } of maps) {
    for (let i = 0; i < values.length; i++) {
      const size = Math.abs(values[i]!);
      if (size < Infinity) all[count++] = size;
    }
  }
  return nth(all.subarray(0, count), Math.min(count - 1, Math.floor(share * count)));
}

/** Up to so many values sorting is as fast. */
const FEW = 2048;

/** Positive float32 values have the order of their bits: so many of them name a bucket. */
const BUCKET_BITS = 16;

/** The value at `rank` in ascending order of values that are not negative; 0 of none. */
function nth(values: Float32Array, rank: number): number {
  if (values.length <= FEW) return values.sort()[rank] ?? 0;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = new Uint32Array(1 << BUCKET_BITS);
  for (let i = 0; i < bits.length; i++) counts[bits[i]! >>> (31 - BUCKET_BITS)]!++;
  let bucket = 0;
  let below = 0;
  while (below + counts[bucket]! <= rank) below += counts[bucket++]!;
  const inside = new Float32Array(counts[bucket]!);
  for (let i = 0, k = 0; i < bits.length; i++) if (bits[i]! >>> (31 - BUCKET_BITS) === bucket) inside[k++] = values[i]!;
  return inside.sort()[rank - below]!;
}

/** Mean of several matrices of one shape. */
export function meanGrid(grids: readonly Grid[]): Grid {
  const [first] = grids;
  if (!first) return { rows: 0, columns: 0, values: new Float32Array() };
  const values = new Float32Array(first.values.length);
  for (const grid of grids)
    for (let i = 0; i < values.length; i++) values[i] = values[i]! + grid.values[i]! / grids.length;
  return { rows: first.rows, columns: first.columns, values };
}
