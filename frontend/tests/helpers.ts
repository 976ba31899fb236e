// SPDX-License-Identifier: Apache-2.0
// What several tests need: bytes of protobuf messages, a series, and a 2D context that writes down what is drawn.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Series } from '../src/wire/api';
import { Numbers } from '../src/wire/schema_pb';
import { recordOf } from './records';

export function frames(records: { step: number; wallTime: number; record: Uint8Array }[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const one of records) {
    writer.uint32(10).fork();
    writer.uint32(8).uint64(one.step).uint32(17).double(one.wallTime).uint32(26).bytes(one.record);
    writer.join();
  }
  return writer.uint32(16).uint32(records.length).finish();
}

/** An `Attribution` of one 1×2 sample, halves 1.0 and -0.5, scale 4. */
export function attribution(version = 1): Uint8Array {
  return new BinaryWriter()
    .uint32(8)
    .uint32(version)
    .uint32(18)
    .string('grad_cam')
    .uint32(26)
    .string('conv1')
    .uint32(34)
    .fork()
    .uint32(1)
    .uint32(1)
    .uint32(2)
    .join()
    .uint32(42)
    .bytes(new Uint8Array([0x00, 0x3c, 0x00, 0xb8]))
    .uint32(50)
    .fork()
    .float(4)
    .join()
    .finish();
}

export function seriesOf(rows: Record<string, number[]>, steps: number[]): Series {
  const values = Float32Array.from(Object.values(rows).flat());
  return {
    names: Object.keys(rows),
    firstSteps: steps,
    lastSteps: steps,
    kept: steps.length,
    source: 'probe',
    numSamples: steps.map(() => 16),
    mean: values,
    low: values,
    high: values,
  };
}

/** A `Numbers` record of these rows. */
export function numbers(rows: Record<string, number[]>, columns: string[]): Numbers {
  const values = new Uint8Array(Float32Array.from(Object.values(rows).flat()).buffer);
  return recordOf(Numbers, { version: 1, kind: 'fisher', rows: Object.keys(rows), columns, values });
}

export interface Call {
  name: string;
  args: unknown[];
  fill: string;
}

/** A context that records calls with the fill style in force. */
export function recordingContext(): { context: CanvasRenderingContext2D; calls: Call[] } {
  const calls: Call[] = [];
  const state: Record<string, unknown> = { fillStyle: '' };
  const context = new Proxy(state, {
    get: (target, name: string) =>
      name in target
        ? target[name]
        : (...args: unknown[]) => {
            calls.push({ name, args, fill: String(target.fillStyle) });
          },
    set: (target, name: string, value) => {
      target[name] = value;
      return true;
    },
  });
  return { context: context as unknown as CanvasRenderingContext2D, calls };
}
