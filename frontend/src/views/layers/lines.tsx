// SPDX-License-Identifier: Apache-2.0
// A layer's lines over the steps: gradient norm, update ratios of its parameters, learning rate and loss.
import { useMemo } from 'preact/hooks';
import { formatValue } from '../../model/format';
import { nearestIndex } from '../../model/steps';
import { columnMeaning } from '../../state/descriptions';
import { run, series, step } from '../../state/store';
import { Async } from '../../ui/async';
import { type Line, LineChart, LOG_FROM, spread } from '../../ui/line_chart';
import type { Series } from '../../wire/api';
import type { Parameter } from '../../wire/schema_pb';

const HEIGHT = 170;

export interface Panel {
  title: string;
  meaning: string;
  signal: string;
  column: string;
  pick: (name: string) => boolean;
  log: boolean;
  note?: string;
}

/** Some steps only, with one of them marked; without it a panel shows the whole run and marks the step shown. */
export interface StepWindow {
  from: number;
  to: number;
  mark: number;
}

export function LayerLines({ name, parameters }: { name: string; parameters: Parameter[] }) {
  const own = new Set(parameters.map((one) => one.name));
  const panels: Panel[] = [
    {
      title: 'Gradient norm at its output',
      meaning: columnMeaning('gradient', 'norm'),
      signal: 'gradient',
      column: 'norm',
      pick: (row) => row === name,
      log: true,
    },
    {
      title: 'Gradient norm of its weights',
      meaning: columnMeaning('weight_gradient', 'norm'),
      signal: 'weight_gradient',
      column: 'norm',
      pick: (row) => own.has(row),
      log: true,
    },
    {
      title: 'Update ratio of its weights',
      meaning: columnMeaning('weight', 'update_ratio'),
      signal: 'weight',
      column: 'update_ratio',
      pick: (row) => own.has(row),
      log: true,
    },
    {
      title: 'Learning rate',
      meaning: 'As the optimiser had it.',
      signal: 'scalars',
      column: 'value',
      pick: (row) => /learning_rate|^lr/.test(row),
      log: true,
    },
    {
      title: 'Loss',
      meaning: 'As the training script gave it.',
      signal: 'scalars',
      column: 'value',
      pick: (row) => /loss/.test(row),
      log: true,
    },
  ];
  const frozen = parameters.filter((one) => !one.trainable || !one.inOptimizer);
  return (
    <>
      {panels
        .filter((panel) => own.size > 0 || !panel.signal.startsWith('weight'))
        .map((panel) => (
          <LinePanel key={panel.title} panel={panel} />
        ))}
      {frozen.length > 0 && (
        <p class="soft small">
          Not trained:{' '}
          {frozen.map((one) => `${one.name} (${one.trainable ? 'no optimiser updates it' : 'frozen'})`).join(', ')}.
        </p>
      )}
    </>
  );
}

export function LinePanel({ panel, window }: { panel: Panel; window?: StepWindow }) {
  return (
    <Async resource={series(run.value, panel.signal, panel.column)} what={panel.title} height={HEIGHT}>
      {(found) => found && found.firstSteps.length > 0 && <Lines panel={panel} found={found} window={window} />}
    </Async>
  );
}

function Lines({ panel, found, window }: { panel: Panel; found: Series; window: StepWindow | undefined }) {
  const [from, to] = [window?.from ?? 0, window?.to ?? Infinity];
  const { steps, lines } = useMemo(() => linesOf(found, panel.pick, from, to), [found, panel.title, from, to]);
  if (lines.length === 0 || steps.length === 0) return null;
  const label = `${panel.title}: ${lines.map((line) => `${line.name} from ${formatValue('log', first(line.values))} to ${formatValue('log', first([...Array.from(line.values)].reverse()))}`).join('; ')}`;
  const log = panel.log && spread(lines) > LOG_FROM;
  const head = (
    <>
      {panel.title} <span class="soft small">{[found.source, log && 'log axis'].filter(Boolean).join(', ')}</span>
    </>
  );
  return (
    <section>
      {window ? <h4 title={panel.meaning}>{head}</h4> : <h3 title={panel.meaning}>{head}</h3>}
      <LineChart
        label={label}
        steps={steps}
        lines={lines}
        log={log}
        step={window?.mark ?? step.value}
        range={window && [from, to]}
      />
    </section>
  );
}

/** The wanted rows of a series between two steps, and one column on either side so that lines reach the edge. */
export function linesOf(
  found: Series,
  pick: (name: string) => boolean,
  from: number,
  to: number,
): { steps: number[]; lines: Line[] } {
  const width = found.firstSteps.length;
  const start = Math.max(0, nearestIndex(found.firstSteps, from));
  const past = found.firstSteps.findIndex((one) => one >= to);
  const end = past < 0 ? width : past + 1;
  const lines = found.names.flatMap((name, row) =>
    pick(name) ? [{ name, values: found.high.subarray(row * width + start, row * width + end) }] : [],
  );
  return { steps: found.firstSteps.slice(start, end), lines };
}

function first(values: ArrayLike<number>): number {
  return Array.from(values).find((value) => Number.isFinite(value)) ?? NaN;
}
