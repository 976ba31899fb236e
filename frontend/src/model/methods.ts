// SPDX-License-Identifier: Apache-2.0
// What the methods are called, what they measure, and which of them are known not to be faithful.
import type { Tag } from '../wire/api';
import type { Signal } from '../wire/schema_pb';

/** name → [what it is called, what it says] */
const METHODS: Record<string, readonly [string, string]> = {
  grad_cam: ['Grad-CAM', 'The layer’s maps, weighted by the mean gradient of the class score, negative parts cut off.'],
  grad_cam_plus_plus: [
    'Grad-CAM++',
    'Grad-CAM with weights from higher derivatives: finds several objects of one class better.',
  ],
  layer_cam: [
    'LayerCAM',
    'The layer’s maps times the positive gradient at each place: sharper than Grad-CAM in early layers.',
  ],
  hires_cam: [
    'HiResCAM',
    'The layer’s maps times the gradient at each place, summed: where the last layer is linear, exactly what the score is made of.',
  ],
  xgrad_cam: ['XGrad-CAM', 'Grad-CAM with weights scaled by the maps, so that their sum comes nearest to the score.'],
  eigen_cam: ['Eigen-CAM', 'The first principal component of the layer’s maps. Does not depend on the class.'],
  score_cam: [
    'Score-CAM',
    'The layer’s maps, each weighted by the score of the input that is masked with it. Uses no gradients.',
  ],
  saliency: ['Gradient (saliency)', 'Size of the gradient of the class score with respect to each input value.'],
  input_x_gradient: ['Input × gradient', 'Gradient times input: what each value adds to the score, to first order.'],
  integrated_gradients: [
    'Integrated Gradients',
    'Gradients averaged on the way from a blank input, times the difference from it: the values add up to the score’s change.',
  ],
  smooth_grad: ['SmoothGrad', 'Mean gradient over noisy copies of the input.'],
  layer_conductance: [
    'Layer conductance',
    'Integrated Gradients through the units of a layer: what each adds to the score.',
  ],
  attention_rollout: [
    'Attention rollout',
    'Attention multiplied through the layers: from which tokens information could come. Does not depend on the class.',
  ],
  gradient_rollout: [
    'Gradient rollout',
    'Attention weighted by the gradient of the class score, multiplied through the layers: which tokens mattered for this class.',
  ],
  neuron_conductance: [
    'Neuron conductance',
    'Which inputs act on the score through the one unit of this layer that carries most of it.',
  ],
  guided_backprop: ['Guided backprop', 'Gradient with negative parts cut off on the way back.'],
  guided_grad_cam: ['Guided Grad-CAM', 'Guided backprop times Grad-CAM.'],
  deep_lift: [
    'DeepLIFT',
    'Differences from a blank input, carried back through the layers: the values add up to the score’s change. By Captum.',
  ],
  lrp: ['LRP', 'The score, handed back from layer to layer to those that made it (ε-rule). By Captum.'],
  feature_ablation: ['Feature ablation', 'What the score loses without this block of the input. By Captum.'],
  kernel_shap: [
    'KernelSHAP',
    'Shapley values of blocks of the input, from sampled coalitions: they add up to the score’s change. By Captum or shap.',
  ],
  lime: ['LIME', 'A sparse linear model of the score near this input, by blocks. By Captum.'],
  occlusion: ['Occlusion', 'How much the class score falls when this part of the input is covered.'],
};

/** Methods whose maps hardly change when the network’s weights are made random. */
const UNFAITHFUL = new Set(['guided_backprop', 'guided_grad_cam']);

export const FAILS_RANDOMISATION = 'fails the randomisation test (Adebayo et al. 2018)';

export const methodName = (name: string): string => METHODS[name]?.[0] ?? name.replace(/_/g, ' ');

/** A sentence for hovering; empty for a method that this tab does not know. */
export function methodMeaning(name: string): string {
  const meaning = METHODS[name]?.[1] ?? '';
  return UNFAITHFUL.has(name)
    ? `${meaning} It ${FAILS_RANDOMISATION}: it shows the input’s edges, whatever the network has learnt.`
    : meaning;
}

export const failsRandomisation = (name: string): boolean => UNFAITHFUL.has(name);

/** "Grad-CAM · conv3" */
export const tagLabel = ({ method, layer }: { method: string; layer: string }): string =>
  `${methodName(method)} · ${layer || 'input'}`;

const PREFIX = 'explanations/';

/** Methods that were asked for and not captured: name, why, what to do. */
export function methodsNotCaptured(signals: readonly Signal[]): { method: string; reason: string; remedy: string }[] {
  return signals
    .filter((one) => one.state === 'off' && one.name.startsWith(PREFIX))
    .map(({ name, reason, remedy }) => ({ method: name.slice(PREFIX.length), reason, remedy }));
}

/** The method that is shown while nobody has chosen one. */
const USUAL = 'grad_cam';

/** The chosen tag, or the nearest to the choice: the method's other layer, else the last (deepest) one. */
export function chosenTag(tags: readonly Tag[], wantedMethod: string, wantedLayer: string): Tag | undefined {
  const same = tags.filter((tag) => tag.method === (wantedMethod || USUAL));
  const pool = same.length ? same : tags;
  return (
    pool.findLast((tag) => tag.layer === wantedLayer) ??
    (wantedMethod ? undefined : tags.findLast((tag) => tag.layer === wantedLayer && wantedLayer !== '')) ??
    pool.at(-1)
  );
}
