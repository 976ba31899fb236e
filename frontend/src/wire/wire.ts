// SPDX-License-Identifier: Apache-2.0
// Turns answer bodies into typed records and typed arrays, so that no other module knows about bytes.
import { type Attention, type Attribution, Frames } from './schema_pb';

export type {
  Attention,
  Attribution,
  Cost,
  Finding,
  Layer,
  Notice,
  Parameter,
  Signal as CapturedSignal,
} from './schema_pb';

/** The newest schema that this tab understands. */
export const SCHEMA_VERSION = 1;

/** A body that is no record, or one of a newer schema. */
export class WireError extends Error {}

interface Decoder<T> {
  decode(bytes: Uint8Array): T;
}

/** A record with its step and the time it was written (seconds since 1970). */
export interface Stamped<T> {
  step: number;
  wallTime: number;
  record: T;
}

/** A float32 picture of one sample: `values` is [rows, columns], row-major. */
export interface Grid {
  rows: number;
  columns: number;
  values: Float32Array;
}

/** Decode one message or say why not. */
export function decodeMessage<T>(type: Decoder<T>, bytes: Uint8Array): T {
  try {
    return type.decode(bytes);
  } catch (error) {
    throw new WireError(`the server's answer cannot be read: ${String(error)}`);
  }
}

/** Decode a stored record; refuse one of a newer schema. */
export function decodeRecord<T extends { version: number }>(type: Decoder<T>, bytes: Uint8Array): T {
  const record = decodeMessage(type, bytes);
  if (record.version > SCHEMA_VERSION) {
    throw new WireError(
      `written by schema version ${record.version}; this tab reads up to ${SCHEMA_VERSION}: pip install -U tb-xai-plugin`,
    );
  }
  return record;
}

/** The records of a `Frames` answer, in ascending steps. */
export function decodeFrames<T extends { version: number }>(type: Decoder<T>, bytes: Uint8Array): Stamped<T>[] {
  return decodeMessage(Frames, bytes).frames.map((frame) => ({
    step: frame.step,
    wallTime: frame.wallTime,
    record: decodeRecord(type, frame.record),
  }));
}

/** Little-endian float32 bytes → numbers. Copies, because the bytes may start anywhere. */
export function float32(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer, 0, bytes.length >> 2);
}

let halfTable: Float32Array | undefined;

/** The value of every float16 bit pattern, made once (256 KB). */
function halves(): Float32Array {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) halfTable[bits] = halfToNumber(bits);
  return halfTable;
}

/** One IEEE 754 binary16 bit pattern → number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Little-endian float16 bytes → numbers, from element `start`, `length` of them. */
export function float16(bytes: Uint8Array, start = 0, length = (bytes.length >> 1) - start): Float32Array {
  const table = halves();
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const at = (start + i) * 2;
    values[i] = table[bytes[at]! | (bytes[at + 1]! << 8)]!;
  }
  return values;
}

/** Sample `n` of an attribution in the method's own unit: [rows, columns]; vectors are one row. */
export function sampleHeat(record: Attribution, n: number): Grid {
  const [rows, columns] = record.shape.length > 2 ? [record.shape[1]!, record.shape[2]!] : [1, record.shape[1] ?? 1];
  const size = rows * columns;
  const values = float16(record.heat, n * size, size);
  const scale = record.scale[n] ?? 1;
  for (let i = 0; i < size; i++) values[i] = values[i]! * scale;
  return { rows, columns, values };
}

/** Sample `n`, head `head` of an attention record: [queries, keys] as stored. */
export function headWeights(record: Attention, n: number, head: number): Grid {
  const [, heads = 1, rows = 1, columns = 1] = record.shape;
  const size = rows * columns;
  return { rows, columns, values: float16(record.weights, (n * heads + head) * size, size) };
}
