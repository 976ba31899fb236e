// SPDX-License-Identifier: Apache-2.0
// One layer in detail: since when, forward or backward? Opens beside any view.
import type { Layer, Parameter } from '../schema_pb';
import { findingRemarks } from '../health';
import { formatValue, METRICS, valueAt, type Metric } from '../metrics';
import { drawerLayer, layer as explainedLayer, stepA, stepB, view } from '../selection';
import { at, attributionTags, findings, layerTable, run, series, status, step } from '../store';
import { formatStep } from '../steps';
import { addStyle } from '../styles';
import css from '../styles/drawer.css?inline';
import { LayerLines } from './layerlines';
import { LayerRidges } from './layerridges';
import { LayerUnits } from './layerunits';
import { Async } from './parts';

addStyle(css);

export function Drawer() {
  const name = drawerLayer.value;
  return (
    <aside class="drawer" aria-labelledby="drawer-title" key={name}>
      <div class="drawer-head">
        <h2 id="drawer-title">{name}</h2>
        <span class="spring" />
        <button type="button" class="icon" aria-label="Close the layer" title="Close (Esc)" onClick={() => { drawerLayer.value = ''; }}>×</button>
      </div>
      <Async resource={layerTable(run.value)} what="The table of layers" height={400}>
        {(found) => <Detail name={name} layer={found?.record.layers.find((one) => one.name === name)} parameters={(found?.record.parameters ?? []).filter((one) => one.layer === name)} />}
      </Async>
    </aside>
  );
}

function Detail({ name, layer, parameters }: { name: string; layer: Layer | undefined; parameters: Parameter[] }) {
  if (!layer && parameters.length === 0) return <p class="soft">The run has no layer of this name. It may belong to another run.</p>;
  return (
    <>
      <p class="soft">{layer ? describe(layer) : 'holds parameters; its output is not observed'}</p>
      <LayerFindings name={name} />
      <Explain name={name} />
      <Compare name={name} />
      {layer && <LayerRidges name={name} signal="activation" title="Activations" />}
      {layer && <LayerRidges name={name} signal="gradient" title="Gradients at its output" />}
      <LayerLines name={name} parameters={parameters} />
      {layer && layer.units > 0 && <LayerUnits name={name} />}
    </>
  );
}

/** Conv2d · 16 × 8 × 8 · 16 units · relu */
export function describe(layer: Layer): string {
  const parts = [layer.type, layer.outputShape.join(' × ')];
  if (layer.units) parts.push(`${layer.units} units`);
  if (layer.activation && layer.activation.toLowerCase() !== layer.type.toLowerCase()) parts.push(`followed by ${layer.activation}`);
  if (layer.calls > 1) parts.push(`runs ${layer.calls} times, the last is shown`);
  return parts.filter(Boolean).join(' · ');
}

function LayerFindings({ name }: { name: string }) {
  const found = findings(run.value).loaded.value.value?.record.findings ?? [];
  const remarks = findingRemarks(found.filter((one) => one.layer === name));
  return <>{remarks.map((one) => <p key={one.message} class="notice"><strong>{one.message}.</strong> {one.advice}</p>)}</>;
}

function Explain({ name }: { name: string }) {
  const tag = attributionTags.value.find((one) => one.layer === name);
  if (tag) {
    return <button type="button" onClick={() => { explainedLayer.value = name; view.value = 'explanations'; }}>Explain this layer here</button>;
  }
  const targets = status(run.value).loaded.value.value?.record.targetLayers ?? [];
  return (
    <p class="soft">
      No explanations were logged for this layer{targets.length > 0 && <> (but for {targets.join(', ')})</>}. Ask for them with <code>target_layers=["{name}"]</code>.
    </p>
  );
}

function Compare({ name }: { name: string }) {
  const metrics = METRICS.filter((one) => one.signal === 'activation' || one.signal === 'gradient');
  const [a, b] = [stepA.value, stepB.value];
  return (
    <section aria-label="Compare two steps">
      <div class="ab">
        <button type="button" class="ab-a" title="Take the step shown now as A (key A)" onClick={() => { stepA.value = step.value; }}>A {a === null ? 'set' : formatStep(a)}</button>
        <span aria-hidden="true">⇄</span>
        <button type="button" class="ab-b" title="Take the step shown now as B (key B)" onClick={() => { stepB.value = step.value; }}>B {b === null ? 'set' : formatStep(b)}</button>
        {(a !== null || b !== null) && <button type="button" class="link" onClick={() => { stepA.value = null; stepB.value = null; }}>clear</button>}
      </div>
      <table>
        <thead><tr><th scope="col">statistic</th>{a !== null && <th scope="col">A</th>}{b !== null && <th scope="col">B</th>}<th scope="col">step {formatStep(step.value)}</th></tr></thead>
        <tbody>{metrics.map((metric) => <CompareRow key={metric.id} name={name} metric={metric} steps={[a, b, step.value]} />)}</tbody>
      </table>
    </section>
  );
}

function CompareRow({ name, metric, steps }: { name: string; metric: Metric; steps: (number | null)[] }) {
  const found = series(run.value, metric.signal, metric.column).loaded.value.value;
  const row = found?.names.indexOf(name) ?? -1;
  return (
    <tr>
      <th scope="row" title={metric.meaning}>{metric.label}</th>
      {steps.map((one, i) => one !== null && <td key={i}>{found && row >= 0 ? formatValue(metric.kind, valueAt(metric, found, row, at2(found.firstSteps, one))) : '–'}</td>)}
    </tr>
  );
}

/** The first logged step where nothing lies at or before the wanted one. */
function at2(steps: readonly number[], wanted: number): number {
  return wanted < (steps[0] ?? 0) ? steps[0]! : wanted === step.value ? at(steps) ?? wanted : wanted;
}
