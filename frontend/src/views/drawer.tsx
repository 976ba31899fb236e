// SPDX-License-Identifier: Apache-2.0
// Stub.
export function Drawer() {
  return null;
}
