// SPDX-License-Identifier: Apache-2.0
// Tables of numbers of signals that are not ours: rows × columns at every logged step. Arithmetic, no state.
import type { Numbers } from '../wire/schema_pb';
import { float32, type Stamped } from '../wire/wire';
import { once } from './once';

export type Tables = readonly Stamped<Numbers>[];

const decoded = new WeakMap<Numbers, Float32Array>();

/** The value of a row in a column, by their names; NaN where the record has none. */
export function numberAt(record: Numbers, row: string, column: string): number {
  const [r, c] = [record.rows.indexOf(row), record.columns.indexOf(column)];
  return r < 0 || c < 0 ? NaN : rowValues(record, r)[c]!;
}

/** Row `r` in the order of the record's columns; values that are not there are NaN. */
export function rowValues(record: Numbers, r: number): number[] {
  const values = once(decoded, record, () => float32(record.values));
  return record.columns.map((_, c) => values[r * record.columns.length + c] ?? NaN);
}

/** All different names that the records use, in the order in which they first appear. */
export function namesOf(tables: Tables, of: 'rows' | 'columns'): string[] {
  return [...new Set(tables.flatMap(({ record }) => record[of]))];
}

export interface NumberLine {
  name: string;
  /** One value a step; NaN where there is none. */
  values: Float32Array;
}

/** One line a row. Rows without a number in this column have none. */
export function numberLines(tables: Tables, column: string): NumberLine[] {
  const lines = namesOf(tables, 'rows').map((name) => ({
    name,
    values: Float32Array.from(tables, ({ record }) => numberAt(record, name, column)),
  }));
  return lines.filter((line) => line.values.some(Number.isFinite));
}

/** At most `most` lines, those that reach furthest from 0 at any step, in their own order. */
export function furthest(lines: readonly NumberLine[], most: number): NumberLine[] {
  if (lines.length <= most) return [...lines];
  const reach = new Map(lines.map((line) => [line, Math.max(...line.values.filter(Number.isFinite).map(Math.abs))]));
  const chosen = new Set([...lines].sort((a, b) => reach.get(b)! - reach.get(a)!).slice(0, most));
  return lines.filter((line) => chosen.has(line));
}
