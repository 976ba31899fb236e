// SPDX-License-Identifier: Apache-2.0
// What follows from a record or a map is worked out once and kept as long as that lives.

interface Known<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

/** The value kept for `key`; the first time it is made. `undefined` is no value. */
export function once<K, V>(known: Known<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}
