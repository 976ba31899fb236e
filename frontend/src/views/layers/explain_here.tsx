// SPDX-License-Identifier: Apache-2.0
// From a layer to its pictures: "Explain this layer here" opens Explanations at that layer and the step shown.
import { batch } from '@preact/signals';
import { formatStep } from '../../model/steps';
import { closeDrawer, explainedFrom } from '../../state/drawer';
import { layer as explainedLayer } from '../../state/selection';
import { view } from '../../state/shown_view';
import { attributionTags, run, status, step } from '../../state/store';
import type { Layer } from '../../wire/schema_pb';

/** The button, for the layer or the first after it that has explanations; where there is none, how to get some. */
export function Explain({ name, layers }: { name: string; layers: readonly Layer[] }) {
  const target = explainedFrom(name, layers, new Set(attributionTags.value.map((one) => one.layer)));
  if (!target) return <NotExplained name={name} />;
  const open = (): void =>
    batch(() => {
      explainedLayer.value = target;
      view.value = 'explanations';
      closeDrawer();
    });
  return (
    <p class="explain-here">
      <button type="button" onClick={open}>
        Explain this layer here
      </button>
      <span class="soft small">
        {' '}
        at step {formatStep(step.value)}
        {target !== name && `, in ${target}: the next layer with explanations`}
      </span>
    </p>
  );
}

function NotExplained({ name }: { name: string }) {
  const targets = status(run.value).loaded.value.value?.record.targetLayers ?? [];
  return (
    <p class="soft small">
      No explanations were logged for this layer or one after it
      {targets.length > 0 && <> (but for {targets.join(', ')})</>}. Ask for them with{' '}
      <code>target_layers=["{name}"]</code>.
    </p>
  );
}
