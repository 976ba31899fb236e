// SPDX-License-Identifier: Apache-2.0
// What the network looks at, and when that changed. (Stub: written by another helper.)
import { Empty } from './parts';

export function Explanations() {
  return <Empty title="Explanations are being built." />;
}
