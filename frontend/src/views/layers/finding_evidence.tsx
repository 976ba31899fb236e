// SPDX-License-Identifier: Apache-2.0
// The drawer opened on a finding: what it says, why, what to try, and the pictures of its onset.
import type { ComponentChildren } from 'preact';
import { MARK, measured, severityOf, titleOf, whenOf } from '../../model/findings';
import { onsetRange, ruled } from '../../state/drawer';
import { Definition } from '../../ui/rules';
import { CompareSteps } from '../../ui/steps_ab';
import type { Finding, Layer, LayerTable } from '../../wire/schema_pb';
import { Explain } from './explain_here';
import { LayerOnset, NetworkOnset } from './onset';
import { LayerRidges } from './ridges';
import { LayerUnits } from './units';

/** Sizes in the narrower columns of the evidence. */
const RIDGES = 210;
const MAP = 322;

interface Props {
  finding: Finding;
  name: string;
  layer: Layer | undefined;
  table: Pick<LayerTable, 'layers' | 'parameters'>;
}

export function LayerEvidence({ finding, name, layer, table }: Props) {
  return (
    <>
      <FindingCard finding={finding}>
        <Explain name={name} layers={table.layers} />
      </FindingCard>
      <CompareSteps />
      <div class="evidence">
        {layer && <LayerRidges name={name} signal="activation" title="Activations" height={RIDGES} />}
        {layer && <LayerRidges name={name} signal="gradient" title="Gradients at its output" height={RIDGES} />}
        {layer && layer.units > 0 && <LayerUnits name={name} width={MAP} />}
        <LayerOnset name={name} table={table} onset={finding.firstStep} range={onsetRange(finding.firstStep)} />
      </div>
    </>
  );
}

/** Of the whole network: no layer to look into, but the lines of training. */
export function NetworkEvidence({ finding }: { finding: Finding }) {
  return (
    <>
      <FindingCard finding={finding} />
      <NetworkOnset onset={finding.firstStep} range={onsetRange(finding.firstStep)} />
    </>
  );
}

function FindingCard({ finding, children }: { finding: Finding; children?: ComponentChildren }) {
  const record = ruled.value?.record;
  const severity = severityOf(finding);
  return (
    <section class={`finding-card ${severity}`} aria-label="Finding">
      <p class="finding-title">
        <span class="finding-mark" role="img" aria-label={severity}>
          {MARK[severity]}
        </span>
        <span>
          <strong>{titleOf(finding)}</strong> {whenOf(finding, record?.step ?? 0)}
        </span>
      </p>
      {finding.title && <p>{finding.message}</p>}
      <div class="soft small">
        <Definition rule={finding.rule} rules={record?.rules ?? []}>
          {measured(finding)}
        </Definition>
      </div>
      <dl class="advice">
        {finding.cause && [<dt key="likely">Likely</dt>, <dd>{finding.cause}</dd>]}
        {finding.advice && [<dt key="try">Try</dt>, <dd>{finding.advice}</dd>]}
      </dl>
      {children}
    </section>
  );
}
