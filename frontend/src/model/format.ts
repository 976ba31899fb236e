// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them.

/** What a number is, which decides how it is written. */
export type ValueScale = 'share' | 'log' | 'signed' | 'linear';

/** A number for people: percent for shares, three digits otherwise, powers of ten where long. */
export function formatValue(scale: ValueScale, value: number): string {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (scale === 'share') return `${(value * 100).toFixed(value > 0 && value < 0.0995 ? 1 : 0)}\u202f%`;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return power(value);
  return minus(Number(value.toPrecision(3)).toString());
}

function power(value: number): string {
  const [mantissa, exponent] = value.toExponential(1).split('e') as [string, string];
  return `${mantissa === '1.0' ? '' : `${minus(mantissa)}·`}10${superscript(Number(exponent))}`;
}

function minus(text: string): string {
  return text.replace('-', '−');
}

/** 12 → ¹² */
export function superscript(value: number): string {
  return String(value).replace(/[-\d]/g, (digit) => (digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!));
}

/** Three digits, without an exponent while a person can read it. */
export function formatMass(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.001 && Math.abs(value) < 100_000
    ? Number(value.toPrecision(3)).toString()
    : value.toExponential(1);
}

/** dead_layer → dead layer */
export const spaced = (name: string): string => name.replace(/[_-]+/g, ' ');
