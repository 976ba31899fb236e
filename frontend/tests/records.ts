// SPDX-License-Identifier: Apache-2.0
// Records for tests, with only what a test is about.

/** An empty record with some fields set. */
export function recordOf<T>(type: { decode(bytes: Uint8Array): T }, fields: Partial<T>): T {
  return { ...type.decode(new Uint8Array()), ...fields };
}
