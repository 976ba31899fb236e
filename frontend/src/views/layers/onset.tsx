// SPDX-License-Identifier: Apache-2.0
// Lines around the onset of a finding: what the optimiser did just before it.
import { formatStep } from '../../model/steps';
import { columnMeaning } from '../../state/descriptions';
import { rateName, weightsOf } from '../../state/drawer';
import type { LayerTable, Parameter } from '../../wire/schema_pb';
import { LinePanel, type Panel, type StepWindow } from './lines';

interface Props {
  onset: number;
  range: [number, number];
}

const LOSS: Panel = {
  title: 'Loss',
  meaning: 'As the training script gave it.',
  signal: 'scalars',
  column: 'value',
  pick: (row) => row === 'loss',
  log: true,
};

export function LayerOnset({
  name,
  table,
  onset,
  range,
}: Props & { name: string; table: Pick<LayerTable, 'layers' | 'parameters'> }) {
  const weights = weightsOf(name, table);
  return <Around onset={onset} range={range} panels={[updatePanel(name, weights), ratePanel(weights), LOSS]} />;
}

export function NetworkOnset({ onset, range }: Props) {
  const rate: Panel = {
    title: 'Learning rate',
    meaning: 'Of every parameter group, as the optimiser had it.',
    signal: 'scalars',
    column: 'value',
    pick: (row) => /^learning_rate(\/|$)/.test(row),
    log: true,
  };
  const probeLoss: Panel = {
    title: 'Check-up loss',
    meaning: 'Loss on the fixed probe, in evaluation mode.',
    signal: 'scalars',
    column: 'value',
    pick: (row) => row === 'probe_loss',
    log: true,
  };
  const accuracy: Panel = {
    title: 'Check-up accuracy',
    meaning: 'Share of the fixed probe’s samples that are classified correctly.',
    signal: 'scalars',
    column: 'value',
    pick: (row) => row === 'probe_accuracy',
    log: false,
  };
  return <Around onset={onset} range={range} panels={[LOSS, rate, probeLoss, accuracy]} />;
}

function updatePanel(name: string, weights: readonly Parameter[]): Panel {
  const names = new Set(weights.map((one) => one.name));
  const owner = weights[0]?.layer ?? name;
  return {
    title: owner === name ? 'Update ratio of its weights' : `Update ratio of ${owner}’s weights`,
    meaning: columnMeaning('weight', 'update_ratio'),
    signal: 'weight',
    column: 'update_ratio',
    pick: (row) => names.has(row),
    log: true,
  };
}

function ratePanel(weights: readonly Parameter[]): Panel {
  const groups = new Set(weights.map((one) => rateName(one.group)));
  if (groups.size === 0) groups.add(rateName(0));
  return {
    title: 'Learning rate of its group',
    meaning: 'As the optimiser had it for the parameter group of these weights.',
    signal: 'scalars',
    column: 'value',
    pick: (row) => groups.has(row),
    log: true,
  };
}

function Around({ onset, range, panels }: Props & { panels: readonly Panel[] }) {
  const window: StepWindow = { from: range[0], to: range[1], mark: onset };
  return (
    <section class="onset" aria-label="Around the onset">
      <h3>
        Around the onset, step {formatStep(onset)}{' '}
        <span class="soft small">
          of {formatStep(range[0])} – {formatStep(range[1])}
        </span>
      </h3>
      {panels.map((panel) => (
        <LinePanel key={panel.title} panel={panel} window={window} />
      ))}
    </section>
  );
}
