// SPDX-License-Identifier: Apache-2.0
// What the words of this tab mean, in one place: for titles on hover and for the help sheet.

export const GLOSSARY = {
  'dead unit':
    'A unit (a channel of a convolution, a feature of a dense layer) that is active for no sample of the batch. With a ReLU it then receives no gradient and stays dead.',
  finding:
    'A rule fired: what, where, since which step, on which measured value against which limit. Findings that follow from another one are folded below it.',
  onset: 'The first step of a finding: where its drawer opens, with A a few logged steps before it and B at it.',
  'training batch': 'Measured on the batch the network was trained on at that step.',
  probe: 'A small fixed batch, the same at every step, so that two steps or two runs can be compared.',
  ridge:
    'One histogram per step, one above the other. The axis is logarithmic and signed: 2⁻²⁰ … 2¹⁰ on either side of 0.',
  'attention entropy': 'How widely a head looks around: 0 means at one token only, 1 at all tokens alike.',
} as const;
