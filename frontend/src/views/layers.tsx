// SPDX-License-Identifier: Apache-2.0
// Stub.
export function Layers() {
  return <p>Layers</p>;
}
