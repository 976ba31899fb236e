// SPDX-License-Identifier: Apache-2.0
// Which heads matter and whether they collapse. (Stub: written by another helper.)
import { Empty } from './parts';

export function Attention() {
  return <Empty title="Attention is being built." />;
}
