// SPDX-License-Identifier: Apache-2.0
// What the words of this tab mean, in one place: for titles on hover and for the help sheet.

export const GLOSSARY = {
  'dead unit':
    'A unit (a channel of a convolution, a feature of a dense layer) that is active for no sample of the batch. With a ReLU it then receives no gradient and stays dead.',
  'effective rank':
    'In how many directions a layer’s units vary over the samples (participation ratio of their covariance, (tr C)² / ‖C‖²). Near 1, all units say the same.',
  finding:
    'A rule fired: what, where, since which step, on which measured value against which limit. Findings that follow from another one are folded below it.',
  onset: 'The first step of a finding: where its drawer opens, with A a few logged steps before it and B at it.',
  'gradient norm':
    'Length (Euclidean norm) of the gradient of the loss at a layer’s output or at a weight. Near 0: nothing is learnt here. Growing without end: training explodes.',
  'update ratio':
    'Length of one optimiser step divided by the length of the weights, ‖Δw‖ / ‖w‖. Around 0.001 is common; above 0.1 the weights are thrown about; 0 means that nothing moves them.',
  'zero share': 'Share of all output values that are exactly 0.',
  'training batch': 'Measured on the batch the network was trained on at that step.',
  probe: 'A small fixed batch, the same at every step, so that two steps or two runs can be compared.',
  ridge:
    'One histogram per step, one above the other. The axis is logarithmic and signed: 2⁻²⁰ … 2¹⁰ on either side of 0.',
  'Grad-CAM':
    'Where in its input a layer finds evidence for the class that is explained: the layer’s maps, weighted by the mean gradient of the class score, negative parts cut off.',
  'attention entropy': 'How widely a head looks around: 0 means at one token only, 1 at all tokens alike.',
} as const;
