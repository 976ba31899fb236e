// SPDX-License-Identifier: Apache-2.0
// Descriptions as a catalog brings them, for tests: not all that there are, but one of every sort.
import type { ColumnDescription, Descriptions, MethodDescription } from '../src/wire/api';

export function column(
  key: string,
  signal: string,
  name: string,
  scale: string,
  more: Partial<ColumnDescription> = {},
): ColumnDescription {
  return {
    key,
    signal,
    name,
    scale,
    title: name,
    unit: '',
    meaning: `meaning of ${name}`,
    low: 0,
    high: 0,
    low_is_bad: false,
    ...more,
  };
}

export function method(name: string, title: string, more: Partial<MethodDescription> = {}): MethodDescription {
  return {
    name,
    title,
    meaning: `meaning of ${name}`,
    explains: 'layer',
    signed: false,
    unfaithful: false,
    source: '',
    ...more,
  };
}

export const DESCRIPTIONS: Descriptions = {
  methods: [
    method('grad_cam', 'Grad-CAM'),
    method('guided_backprop', 'Guided backprop', { explains: 'input', unfaithful: true }),
  ],
  columns: [
    column('dead', 'activation', 'dead_fraction', 'share', { title: 'dead units', high: 1 }),
    column('mean', 'activation', 'mean', 'signed'),
    column('std', 'activation', 'std', 'log'),
    column('gradient', 'gradient', 'norm', 'log'),
    column('', 'gradient', 'min', 'signed'),
    column('own', 'activation', 'kurtosis', 'linear', { title: 'kurtosis' }),
  ],
  kinds: [{ name: 'fisher', title: 'Fisher information', meaning: 'How sharp.', unit: 'nats', scale: 'log' }],
};
