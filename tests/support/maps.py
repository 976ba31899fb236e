# SPDX-License-Identifier: Apache-2.0
"""Methods by name, asked about inputs of the test's own; and what is chosen of outputs."""

from tb_xai_callbacks.attribution import METHODS, method_named
from tb_xai_callbacks.measure.scores import select

#: Methods that libraries make.
DELEGATED = ("deep_lift", "lrp", "feature_ablation", "kernel_shap", "lime")
#: Methods whose maps are made at a layer or at the input, in their order.
NOT_OF_ATTENTION = tuple(method.name for method in METHODS if method.explains != "attention")


def map_of(method, question, layer, inputs):
    """Heat of other inputs [n …] than the probe's."""
    return method_named(method).make(question.at(inputs), layer)


def choose(outputs, targets, probe, sigmoid=False):
    """What is explained of the outputs [n, …] on a probe."""
    return select(outputs, targets, probe.labels, probe.targets is not None, sigmoid)
