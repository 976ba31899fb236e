// SPDX-License-Identifier: Apache-2.0
// One layer in detail: since when, forward or backward? Opens beside any view, on a layer or on a finding.
import { keyOf, MARK, severityOf, titleOf, whenOf, worstFirst } from '../../model/findings';
import { closeDrawer, current, drawerName, layerOf, openFinding, ruled } from '../../state/drawer';
import { shownFinding } from '../../state/selection';
import { layerTable, run } from '../../state/store';
import { Async } from '../../ui/async';
import { CompareSteps } from '../../ui/steps_ab';
import { addStyle } from '../../ui/styles/styles';
import type { Layer, LayerTable, Parameter } from '../../wire/schema_pb';
import { CompareTable } from './compare_table';
import { Explain } from './explain_here';
import { LayerEvidence, NetworkEvidence } from './finding_evidence';
import { LayerLines } from './lines';
import { LayerRidges } from './ridges';
import { LayerUnits } from './units';
import css from './drawer.css?inline';

addStyle(css);

export function Drawer() {
  const name = drawerName.value;
  const wide = current.value !== undefined;
  return (
    <aside class={`drawer${wide ? ' wide' : ''}`} aria-labelledby="drawer-title" key={`${name} ${shownFinding.value}`}>
      <div class="drawer-head">
        <h2 id="drawer-title">{name || 'Whole network'}</h2>
        <span class="spring" />
        <button type="button" class="icon" aria-label="Close the layer" title="Close (Esc)" onClick={closeDrawer}>
          ×
        </button>
      </div>
      {name ? <LayerDetail name={name} /> : <NetworkDetail />}
    </aside>
  );
}

function NetworkDetail() {
  const finding = current.value;
  if (finding) return <NetworkEvidence finding={finding} />;
  return ruled.value === undefined ? null : (
    <p class="soft">This run has no finding “{shownFinding.value}”. The link may be of another run.</p>
  );
}

function LayerDetail({ name }: { name: string }) {
  return (
    <Async resource={layerTable(run.value)} what="The table of layers" height={400}>
      {(found) => <Detail name={name} table={found?.record ?? { layers: [], parameters: [] }} />}
    </Async>
  );
}

type Names = Pick<LayerTable, 'layers' | 'parameters'>;

function Detail({ name, table }: { name: string; table: Names }) {
  const layer = table.layers.find((one) => one.name === name);
  const parameters = table.parameters.filter((one) => one.layer === name);
  const finding = current.value;
  if (!layer && parameters.length === 0)
    return <p class="soft">The run has no layer of this name. It may belong to another run.</p>;
  return (
    <>
      <p class="soft">{layer ? describe(layer) : 'holds parameters; its output is not observed'}</p>
      {finding && <LayerEvidence finding={finding} name={name} layer={layer} table={table} />}
      <OtherFindings name={name} parameters={table.parameters} />
      {!finding && <Explain name={name} layers={table.layers} />}
      {!finding && <CompareSteps />}
      <CompareTable name={name} />
      {layer && !finding && <LayerRidges name={name} signal="activation" title="Activations" />}
      {layer && !finding && <LayerRidges name={name} signal="gradient" title="Gradients at its output" />}
      {finding && <h3>Over the whole run</h3>}
      <LayerLines name={name} parameters={parameters} />
      {layer && !finding && layer.units > 0 && <LayerUnits name={name} />}
    </>
  );
}

/** Conv2d · 16 × 8 × 8 · 16 units · relu */
export function describe(layer: Layer): string {
  const parts = [layer.type, layer.outputShape.join(' × ')];
  if (layer.units) parts.push(`${layer.units} units`);
  if (layer.activation && layer.activation.toLowerCase() !== layer.type.toLowerCase())
    parts.push(`followed by ${layer.activation}`);
  if (layer.calls > 1) parts.push(`runs ${layer.calls} times, the last is shown`);
  return parts.filter(Boolean).join(' · ');
}

/** What else the rules say of this layer and its parameters. */
function OtherFindings({ name, parameters }: { name: string; parameters: readonly Parameter[] }) {
  const record = ruled.value?.record;
  const others = (record?.findings ?? []).filter(
    (one) => layerOf(one.layer, parameters) === name && keyOf(one) !== shownFinding.value,
  );
  if (!record || others.length === 0) return null;
  return (
    <ul class="others" aria-label="Other findings of this layer">
      {worstFirst(others).map((one) => (
        <li key={keyOf(one)} class={severityOf(one)}>
          <span class="finding-mark" role="img" aria-label={severityOf(one)}>
            {MARK[severityOf(one)]}
          </span>
          <span title={one.message}>
            {titleOf(one)} <span class="soft">{whenOf(one, record.step)}</span>
          </span>
          <button type="button" class="link" onClick={() => openFinding(one)}>
            Open<span class="unseen"> {titleOf(one)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
