// SPDX-License-Identifier: Apache-2.0
// The only user of uPlot: lines over steps. Replace it here and nowhere else.
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Theme } from '../draw/theme';
import { formatValue, type ValueScale } from '../model/format';
import { formatStep, nearestIndex } from '../model/steps';
import { addStyle } from './styles/styles';
import { theme } from './styles/theme';
import uPlot from 'uplot';
import plotCss from 'uplot/dist/uPlot.min.css?inline';
import css from './styles/line_chart.css?inline';

addStyle(plotCss);
addStyle(css);

export interface Line {
  name: string;
  values: ArrayLike<number>;
}

interface ChartProps {
  /** The finding in words. */
  label: string;
  steps: readonly number[];
  lines: readonly Line[];
  log: boolean;
  /** How values are written. */
  scale?: ValueScale;
  /** Marked by a vertical line. */
  step: number;
  /** The steps at the ends of the axis; without it those of the data. */
  range?: readonly [number, number] | undefined;
}

/** Distances between grid lines of a logarithmic axis, in powers of ten. */
const DECADES = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20];

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** Lines told apart by colour and dash; the legend shows the values under the pointer. */
export function LineChart({ label, steps, lines, log, scale = 'log', step, range }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = useRef(step);
  marked.current = step;
  const colours = theme.value;
  const ends = useMemo(() => range && ([range[0], range[1]] as [number, number]), [range?.[0], range?.[1]]);
  useLayoutEffect(() => {
    const data = [steps.slice(), ...lines.map((line) => Array.from(line.values, (value) => plotted(value, log)))];
    const made = new uPlot(
      options(
        { lines, log, scale, single: steps.length === 1, ends },
        colours,
        place.current!.clientWidth || 400,
        marked,
      ),
      data as uPlot.AlignedData,
      place.current!,
    );
    plot.current = made;
    showValues(made, steps, marked.current);
    return () => made.destroy();
  }, [steps, lines, log, scale, colours, ends]);
  useEffect(() => {
    plot.current?.redraw(false);
    if (plot.current) showValues(plot.current, steps, step);
  }, [step, steps, lines, log, scale, colours, ends]);
  return <div class="chart" role="img" aria-label={label} ref={place} />;
}

/** What uPlot draws: on a logarithmic axis the power of ten, which gives calm grid lines. */
export function plotted(value: number, log: boolean): number | null {
  if (!Number.isFinite(value) || (log && value <= 0)) return null;
  return log ? Math.log10(value) : value;
}

/** The legend shows the values at the step while no pointer is over the chart. */
function showValues(plot: uPlot, steps: readonly number[], step: number): void {
  plot.setLegend({ idx: Math.max(0, nearestIndex(steps, step)) });
}

interface Drawing {
  lines: readonly Line[];
  log: boolean;
  scale: ValueScale;
  /** One step only: a line of it would not be seen, a dot is. */
  single: boolean;
  ends: [number, number] | undefined;
}

function options(
  { lines, log, scale, single, ends }: Drawing,
  colours: Theme,
  width: number,
  marked: { current: number },
): uPlot.Options {
  const axis = {
    stroke: colours.soft,
    font: '11px Roboto, sans-serif',
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1, size: 4 },
  };
  const say = (one: number): string => formatValue(scale, log ? 10 ** one : one);
  const palette = [colours.lineA, colours.lineB, colours.soft, colours.ink];
  return {
    width,
    height: 132,
    padding: [8, 8, 0, 0],
    cursor: { points: { size: 5 }, drag: { x: false, y: false } },
    legend: { show: true },
    scales: { x: { time: false, ...(ends && ends[0] < ends[1] ? { range: ends } : {}) } },
    axes: [
      { ...axis, size: 24, values: (_, splits) => splits.map((one) => formatStep(one)) },
      { ...axis, size: 58, ...(log ? { incrs: DECADES } : {}), values: (_, splits) => splits.map(say) },
    ],
    series: [
      { label: 'step', value: (_, one) => (one === null ? '–' : formatStep(one)) },
      ...lines.map((line, i) => ({
        label: line.name,
        stroke: palette[i % palette.length]!,
        width: 1.5,
        dash: DASHES[Math.floor(i / palette.length) % DASHES.length]!,
        points: { show: single },
        spanGaps: true,
        value: (_: uPlot, one: number | null) => (one === null ? '–' : say(one)),
      })),
    ],
    hooks: { draw: [(self) => drawMark(self, marked.current, colours)] },
  };
}

function drawMark(self: uPlot, step: number, colours: Theme): void {
  const x = Math.round(self.valToPos(step, 'x', true));
  const { top, height } = self.bbox;
  self.ctx.fillStyle = colours.accent;
  self.ctx.fillRect(x, top, 1, height);
}

/** Where values differ by less than this factor, a logarithmic axis would show nothing but itself. */
export const LOG_FROM = 3;

/** The largest positive value over the smallest; 1 without any. */
export function spread(lines: readonly Line[]): number {
  const positive = lines.flatMap((line) =>
    Array.from(line.values).filter((value) => value > 0 && Number.isFinite(value)),
  );
  return positive.length ? Math.max(...positive) / Math.min(...positive) : 1;
}
