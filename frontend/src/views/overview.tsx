// SPDX-License-Identifier: Apache-2.0
// Stub.
export function Overview() {
  return <p>Overview</p>;
}
