// SPDX-License-Identifier: Apache-2.0
// How far to believe a map: the numbers of a trust record in words. What was not measured is said to be so;
// nothing is good by default.
import type { Trust } from '../../wire/schema_pb';
import { float32 } from '../../wire/wire';
import { once } from '../once';

export interface Badge {
  name: string;
  meaning: string;
  /** "0.71", or "not measured". */
  text: string;
  /** Why there is no number; empty where there is one. */
  reason: string;
  value: number;
}

/** name → what it is and which end is good. */
const MEANINGS: Record<string, string> = {
  deletion:
    'Area under the curve of the score while the most important tenth after tenth of the input is taken away. Low is good: what the map points at matters.',
  insertion:
    'Area under the curve of the score while the most important tenth after tenth is given back to a blank input. High is good.',
  stability:
    'Rank correlation with the maps of slightly noisy copies of the input, 1: the same. Below 0.5 the map is called unstable.',
  randomisation:
    'Rank correlation with the map of the same network with random weights. Near 0 is good; near 1 the map does not depend on what was learnt (Adebayo et al. 2018).',
  gap: 'What the attributions miss of the score that they should add up to, as a share of it. 0 is good.',
  pointing: 'Whether the strongest place lies inside the object that is marked in the data.',
  mass: 'Share of the map inside the object that is marked in the data.',
};

const ALWAYS = ['deletion', 'insertion', 'stability', 'randomisation', 'gap'] as const;

/** Below this rank correlation a map is drawn with few colour levels and called unstable. */
export const UNSTABLE_BELOW = 0.5;

const values = new WeakMap<Trust, Float32Array>();

/** One number of sample `n`; NaN where the record has none. */
export function trustValue(record: Trust | undefined, name: string, n: number): number {
  const row = record?.names.indexOf(name) ?? -1;
  if (!record || row < 0 || n >= record.samples) return NaN;
  return once(values, record, () => float32(record.values))[row * record.samples + n] ?? NaN;
}

/** The five measures that every method is asked for, then whatever else was measured. */
export function badgesOf(record: Trust | undefined, n: number): Badge[] {
  const more = record?.names.filter((name) => !(ALWAYS as readonly string[]).includes(name)) ?? [];
  return [...ALWAYS, ...more].map((name) => {
    const value = trustValue(record, name, n);
    const measured = Number.isFinite(value);
    return {
      name,
      value,
      meaning: MEANINGS[name] ?? '',
      text: measured ? value.toFixed(2).replace('-', '−') : 'not measured',
      reason: measured ? '' : whyMissing(record, name),
    };
  });
}

function whyMissing(record: Trust | undefined, name: string): string {
  if (!record) return 'this log holds no trust record of this method and layer';
  const at = record.missing.indexOf(name);
  if (at >= 0) return record.reasons[at] || 'the recorder gave no reason';
  return record.names.includes(name) ? 'not defined for this sample' : 'the recorder did not measure it';
}

/** Whether the map was measured to change with the noise of the input; not where that was not measured. */
export function isUnstable(record: Trust | undefined, n: number): boolean {
  return trustValue(record, 'stability', n) < UNSTABLE_BELOW;
}
