// SPDX-License-Identifier: Apache-2.0
// Histograms over steps, one ridge a step, oldest at the top. The axis is signed and logarithmic: −2ᵉ … 0 … 2ᵉ.
import { formatStep } from '../model/steps';
import type { HistogramColumns } from '../wire/api';
import type { Surface } from './canvas';
import type { Theme } from './theme';

const EDGE = { left: 52, right: 8, top: 26, bottom: 20 };
const SMALLEST_SHARE = 0.002;

/** Histograms as shares, trimmed to the exponents that hold something. */
export interface Ridges {
  firstSteps: number[];
  /** The lowest and highest exponent drawn; lower magnitudes are added to the lowest bin. */
  low: number;
  high: number;
  /** By step: bins from most negative to most positive, without the zero bin. */
  rows: Float64Array[];
  zeroShare: number[];
  nonFinite: number[];
}

export function ridgesOf(histogram: HistogramColumns): Ridges {
  const { exponents, minExponent, counts, firstSteps } = histogram;
  const width = 2 * exponents + 2;
  const columns = firstSteps.map((_, i) => counts.slice(i * width, (i + 1) * width));
  const [low, high] = exponentsInUse(columns, exponents);
  const totals = columns.map((column) => column.reduce((sum, count) => sum + count, 0) || 1);
  return {
    firstSteps,
    low: low + minExponent,
    high: high + minExponent,
    rows: columns.map((column, i) => trim(column, exponents, low, high, totals[i]!)),
    zeroShare: columns.map((column, i) => column[exponents]! / totals[i]!),
    nonFinite: columns.map((column) => column.at(-1)!),
  };
}

/** Indices of the lowest and highest exponent that hold more than a trace at any step. */
function exponentsInUse(columns: number[][], exponents: number): [number, number] {
  let low = exponents - 1;
  let high = 0;
  for (const column of columns) {
    const total = column.reduce((sum, count) => sum + count, 0) || 1;
    for (let e = 0; e < exponents; e++) {
      const share = (column[exponents - 1 - e]! + column[exponents + 1 + e]!) / total;
      if (share > SMALLEST_SHARE) [low, high] = [Math.min(low, e), Math.max(high, e)];
    }
  }
  return low > high ? [0, exponents - 1] : [low, high];
}

function trim(column: number[], exponents: number, low: number, high: number, total: number): Float64Array {
  const half = high - low + 1;
  const row = new Float64Array(2 * half);
  for (let e = 0; e < exponents; e++) {
    const at = Math.min(half - 1, Math.max(0, e - low));
    row[half - 1 - at]! += column[exponents - 1 - e]! / total;
    row[half + at]! += column[exponents + 1 + e]! / total;
  }
  return row;
}

export interface RidgeMark {
  /** The first step of the ridge that is marked. */
  step: number;
  name: string;
  /** The step as it is written beside the ridge; a ridge may hold several. */
  shown: number;
}

export interface RidgeData {
  ridges: Ridges;
  /** Steps drawn in colour: A, B, and the one shown. */
  marks: readonly RidgeMark[];
}

export function drawRidges(
  context: CanvasRenderingContext2D,
  { ridges, marks }: RidgeData,
  { width, height }: Surface,
  theme: Theme,
): void {
  const count = ridges.rows.length;
  const bins = ridges.rows[0]?.length ?? 0;
  if (count === 0 || bins === 0) return;
  const most = Math.max(...ridges.rows.map((row) => Math.max(...row))) || 1;
  const binWidth = (width - EDGE.left - EDGE.right) / (bins + 2);
  const gap = (height - EDGE.top - EDGE.bottom) / Math.max(1, count);
  const peak = Math.max(18, gap * 4);
  ridges.rows.forEach((row, i) => {
    const baseline = EDGE.top + (i + 1) * gap;
    const mark = marks.find((one) => one.step === ridges.firstSteps[i]);
    drawRidge(context, row, { baseline, peak: peak / most, binWidth, zero: ridges.zeroShare[i]!, gap }, mark, theme);
    if (mark) nameRidge(context, mark, baseline, theme);
  });
  drawAxis(context, ridges, binWidth, height, theme);
  nameEnds(context, ridges, height, marks, theme);
}

interface RidgeShape {
  baseline: number;
  peak: number;
  binWidth: number;
  zero: number;
  gap: number;
}

function drawRidge(
  context: CanvasRenderingContext2D,
  row: Float64Array,
  shape: RidgeShape,
  mark: RidgeMark | undefined,
  theme: Theme,
): void {
  const { baseline, peak, binWidth, zero, gap } = shape;
  const half = row.length / 2;
  const x = (bin: number): number => EDGE.left + (bin + 0.5 + (bin >= half ? 2 : 0)) * binWidth;
  context.beginPath();
  context.moveTo(EDGE.left, baseline);
  row.forEach((share, bin) => {
    if (bin === half) {
      context.lineTo(x(half - 1) + binWidth / 2, baseline);
      context.lineTo(x(half) - binWidth / 2, baseline);
    }
    context.lineTo(x(bin), baseline - share * peak);
  });
  context.lineTo(x(row.length - 1) + binWidth / 2, baseline);
  context.fillStyle = theme.page;
  context.fill();
  context.strokeStyle = markColour(mark, theme) ?? theme.control;
  context.lineWidth = mark ? 2 : 0.8;
  context.stroke();
  context.fillStyle = markColour(mark, theme) ?? theme.control;
  context.globalAlpha = 0.15 + 0.85 * zero;
  context.fillRect(
    EDGE.left + (half + 1 - zero) * binWidth,
    baseline - Math.max(1, gap - 1),
    2 * zero * binWidth,
    Math.max(1, gap - 1),
  );
  context.globalAlpha = 1;
}

function markColour(mark: RidgeMark | undefined, theme: Theme): string | undefined {
  if (!mark) return undefined;
  return mark.name === 'A' ? theme.lineA : mark.name === 'B' ? theme.lineB : theme.ink;
}

function nameRidge(context: CanvasRenderingContext2D, mark: RidgeMark, baseline: number, theme: Theme): void {
  context.fillStyle = markColour(mark, theme)!;
  context.font = '600 10px Roboto, sans-serif';
  context.textAlign = 'right';
  context.fillText(`${mark.name} ${formatStep(mark.shown)}`.trim(), EDGE.left - 6, baseline + 3);
}

function nameEnds(
  context: CanvasRenderingContext2D,
  ridges: Ridges,
  height: number,
  marks: readonly RidgeMark[],
  theme: Theme,
): void {
  context.font = '10px Roboto, sans-serif';
  context.fillStyle = theme.soft;
  context.textAlign = 'right';
  const [first, last] = [ridges.firstSteps[0]!, ridges.firstSteps.at(-1)!];
  if (!marks.some((mark) => mark.step === first)) context.fillText(formatStep(first), EDGE.left - 6, EDGE.top + 6);
  if (!marks.some((mark) => mark.step === last))
    context.fillText(formatStep(last), EDGE.left - 6, height - EDGE.bottom + 2);
}

function drawAxis(
  context: CanvasRenderingContext2D,
  ridges: Ridges,
  binWidth: number,
  height: number,
  theme: Theme,
): void {
  const half = ridges.high - ridges.low + 1;
  context.font = '10px Roboto, sans-serif';
  context.fillStyle = theme.soft;
  context.textAlign = 'center';
  context.fillText('0', EDGE.left + (half + 1) * binWidth, height - 6);
  const every = Math.max(2, Math.ceil(half / 4));
  for (let e = ridges.high; e >= ridges.low; e -= every) {
    const at = (e - ridges.low + 0.5) * binWidth;
    context.fillText(`2${powerText(e)}`, EDGE.left + (half + 2) * binWidth + at, height - 6);
    context.fillText(`−2${powerText(e)}`, EDGE.left + half * binWidth - at, height - 6);
  }
}

function powerText(value: number): string {
  return String(value).replace(/[-\d]/g, (digit) => (digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!));
}
