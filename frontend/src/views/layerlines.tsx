// SPDX-License-Identifier: Apache-2.0
// A layer's lines over the steps: gradient norm, update ratios of its parameters, learning rate and loss.
import { useMemo } from 'preact/hooks';
import type { Series } from '../api';
import { formatValue } from '../metrics';
import type { Parameter } from '../schema_pb';
import { run, series, step } from '../store';
import { LineChart, type Line } from './linechart';
import { Async } from './parts';

const HEIGHT = 170;

interface Panel {
  title: string;
  meaning: string;
  signal: string;
  column: string;
  pick: (name: string) => boolean;
  log: boolean;
  note?: string;
}

export function LayerLines({ name, parameters }: { name: string; parameters: Parameter[] }) {
  const own = new Set(parameters.map((one) => one.name));
  const panels: Panel[] = [
    { title: 'Gradient norm at its output', meaning: 'Length of the gradient of the loss at the layer’s output.', signal: 'gradient', column: 'norm', pick: (row) => row === name, log: true },
    { title: 'Gradient norm of its weights', meaning: 'Length of the gradient of the loss at each weight tensor.', signal: 'weight_gradient', column: 'norm', pick: (row) => own.has(row), log: true },
    { title: 'Update ratio of its weights', meaning: '‖Δw‖ / ‖w‖ of the last optimiser step; around 0.001 is common.', signal: 'weight', column: 'update_ratio', pick: (row) => own.has(row), log: true },
    { title: 'Learning rate', meaning: 'As the optimiser had it.', signal: 'scalars', column: 'value', pick: (row) => /learning_rate|^lr/.test(row), log: true },
    { title: 'Loss', meaning: 'As the training script gave it.', signal: 'scalars', column: 'value', pick: (row) => /loss/.test(row), log: true },
  ];
  const frozen = parameters.filter((one) => !one.trainable || !one.inOptimizer);
  return (
    <>
      {panels.filter((panel) => own.size > 0 || !panel.signal.startsWith('weight')).map((panel) => <LinePanel key={panel.title} panel={panel} />)}
      {frozen.length > 0 && <p class="soft small">Not trained: {frozen.map((one) => `${one.name} (${one.trainable ? 'no optimiser updates it' : 'frozen'})`).join(', ')}.</p>}
    </>
  );
}

function LinePanel({ panel }: { panel: Panel }) {
  return (
    <Async resource={series(run.value, panel.signal, panel.column)} what={panel.title} height={HEIGHT}>
      {(found) => found && found.firstSteps.length > 0 && <Lines panel={panel} found={found} />}
    </Async>
  );
}

function Lines({ panel, found }: { panel: Panel; found: Series }) {
  const lines = useMemo(() => linesOf(found, panel.pick), [found, panel.title]);
  if (lines.length === 0) return null;
  const label = `${panel.title}: ${lines.map((line) => `${line.name} from ${formatValue('log', first(line.values))} to ${formatValue('log', first([...Array.from(line.values)].reverse()))}`).join('; ')}`;
  return (
    <section>
      <h3 title={panel.meaning}>{panel.title} <span class="soft small">{found.source && `${found.source}, `}log axis</span></h3>
      <LineChart label={label} steps={found.firstSteps} lines={lines} log={panel.log} step={step.value} />
    </section>
  );
}

function linesOf(found: Series, pick: (name: string) => boolean): Line[] {
  const width = found.firstSteps.length;
  return found.names.flatMap((name, row) => (pick(name) ? [{ name, values: found.high.subarray(row * width, (row + 1) * width) }] : []));
}

function first(values: ArrayLike<number>): number {
  return Array.from(values).find((value) => Number.isFinite(value)) ?? NaN;
}
