# SPDX-License-Identifier: Apache-2.0
"""The same small network in every form that Keras knows, data for it, and a reader of what was logged."""

from collections import defaultdict

import keras
import numpy as np
from keras import layers
from maps import choose
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tb_xai_callbacks.backends.keras.forward import build, is_built
from tb_xai_callbacks.backends.keras.observer import KerasObserver
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import choose_probe
from tb_xai_plugin.format import codec, metadata

CLASSES = 4


def pictures(n=24, seed=0):
    """Pictures [n 8 8 3] and classes [n]."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 8, 8, 3)).astype("float32"), np.arange(n) % CLASSES


def body(head=None):
    return [
        layers.Conv2D(5, 3, name="conv1"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
        layers.Conv2D(6, 3, name="conv2"),
        layers.GlobalAveragePooling2D(name="pool"),
        layers.Dropout(0.5, name="drop"),
        layers.Dense(CLASSES, activation=head, name="head"),
    ]


def chain(tensor, parts):
    for part in parts:
        tensor = part(tensor)
    return tensor


class Subclassed(keras.Model):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def call(self, inputs, training=False):
        for part in self.parts:
            takes = part.name in ("norm", "drop")
            inputs = part(inputs, training=training) if takes else part(inputs)
        return inputs


def functional(head=None):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, chain(inputs, body(head)))


def nested(head=None):
    parts = body(head)
    inputs = keras.Input((8, 8, 3))
    backbone = keras.Sequential(parts[:4], name="backbone")
    return keras.Model(inputs, chain(inputs, [backbone, *parts[4:]]))


FORMS = {
    "functional": functional,
    "sequential": lambda head=None: keras.Sequential([keras.Input((8, 8, 3)), *body(head)]),
    "sequential without Input": lambda head=None: keras.Sequential(body(head)),
    "subclassed": lambda head=None: Subclassed(body(head)),
    "nested": nested,
}


def layer_of(model, name):
    return next(layer for layer in model._flatten_layers() if layer.name == name)


def weights_of(model, name):
    return [keras.ops.convert_to_numpy(v) for v in layer_of(model, name).variables]


def observe(model, inputs, truth=None, **options):
    """(observer, probe) of a model; the probe is all the inputs, in their own order if all of one class."""
    probe = choose_probe(inputs, truth, len(inputs))
    if not is_built(model):
        build(model, probe.inputs)
    return KerasObserver(model, probe, probe.truth, **options), probe


def chooser(probe, **options):
    return lambda outputs: choose(outputs, Options.create(**options).targets, probe)


def read_log(log_dir):
    """tag -> [(step, record)] of everything that was logged, in the order in which it was written."""
    found, kinds = defaultdict(list), {}
    for path in sorted((log_dir / "xai").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.content:
                    data = metadata.parse_plugin_data(value.metadata.plugin_data.content)
                    kinds[value.tag] = data.kind
                record = codec.decode(kinds[value.tag], value.tensor.string_val[0])
                found[value.tag].append((event.step, record))
    return dict(found)
