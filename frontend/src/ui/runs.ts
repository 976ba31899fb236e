// SPDX-License-Identifier: Apache-2.0
// How runs are told apart.
import { runs } from '../state/store';

/** A run keeps one colour as long as the list does: a mark to tell runs apart, never the only sign. */
const RUN_COLOURS = ['#0072b2', '#e69f00', '#cc79a7', '#56b4e9', '#d55e00', '#009e73', '#8a6fd1', '#a0a0a0'];

export function runColour(name: string): string {
  const names = (runs.loaded.value.value?.runs ?? []).map((one) => one.run).sort();
  return RUN_COLOURS[Math.max(0, names.indexOf(name)) % RUN_COLOURS.length]!;
}
