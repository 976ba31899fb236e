# SPDX-License-Identifier: Apache-2.0
"""An observer whose every part can be made to fail; what it hands over is of the types of real ones."""

from contextlib import contextmanager

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tb_xai_callbacks.backends.contract import Capture, Layout, Pulled, Reduction, TargetLayer
from tb_xai_callbacks.measure.outcome import LossFacts
from tb_xai_callbacks.measure.statistics import BINS
from tb_xai_callbacks.options import Options
from tb_xai_callbacks.probe.samples import choose_probe
from tb_xai_callbacks.recorder import Recorder
from tb_xai_plugin.format import codec, metadata
from tb_xai_plugin.format.columns import columns_of
from tb_xai_plugin.format.records import PROBE, TRAINING_BATCH, Layer, LayerTable, Parameter

TABLE = LayerTable(
    "t",
    (Layer("conv", "Conv2d", (4, 3, 3), 4, spatial=True), Layer("head", "Linear", (2,), 2)),
    (Parameter("head.weight", "head", (2, 4)),),
)
LAYOUT = Layout(
    TABLE, (TargetLayer("conv"),), TargetLayer("conv"), attention_layers=("attn",), call_counts={"conv": 1}
)
OUTPUTS = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)


class FakeExplainer:
    inputs = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    embedded, has_relu, features_first = False, True, False

    def outputs(self, inputs):
        return OUTPUTS

    def pull(self, inputs, cotangent, layers=()):
        maps = {name: np.ones((2, 4, 3, 3), np.float32) for name in layers}
        return Pulled(inputs, maps, maps)


class Fake:
    """`errors`: what fails, by the name of the part, and with what.

    Parts: layout, capture (of layers), attention, statistics (on the probe), outputs, explaining,
    optimizer_facts, numbers, arm, collect, and resolve (of a reduction, on the sink's thread).
    """

    backend, versions, num_outputs, missing = "fake", ("fake 1",), 2, {}
    loss_facts = LossFacts("cross_entropy", "mean", "linear", "log_softmax")

    def __init__(self, found=LAYOUT, observes_training=True, **errors):
        self._layout, self.errors, self.armed_steps, self.requests = found, errors, 0, []
        self.observes_training, self.keeping, self._wanted = observes_training, frozenset(), frozenset()
        self.closed = False

    def _fail(self, name):
        if name in self.errors:
            raise self.errors[name]

    # ---- the model

    def layout(self):
        self._fail("layout")
        return self._layout

    def capture(self, request):
        self.requests.append(request)
        maps = {name: np.ones((2, 4, 3, 3), np.float32) for name in request.layers}
        if request.layers:
            self._fail("capture")
        if request.attention:
            self._fail("attention")
        if request.statistics:
            self._fail("statistics")
        return Capture(
            OUTPUTS,
            request.choose(OUTPUTS) if request.choose else None,
            maps,
            maps,
            {"attn": np.full((2, 1, 3, 3), 1 / 3, np.float32)} if request.attention else {},
            {
                name: self._reduction(name, PROBE)
                for name in ("activation", "gradient")
                if name in request.statistics
            },
        )

    def outputs(self, inputs):
        self._fail("outputs")
        return OUTPUTS

    def weights(self):
        yield "head.weight", np.ones((2, 4), np.float32)

    def scoring(self, function):
        raise NotImplementedError

    @contextmanager
    def explaining(self, guided=False, randomised=False):
        self._fail("explaining")
        yield FakeExplainer()

    # ---- training

    def _reduction(self, signal, source):
        rows = len(TABLE.parameters) if signal.startswith("weight") else len(TABLE.layers)

        def resolve():
            self._fail("resolve")
            self._fail(f"resolve {signal}")
            columns = columns_of(signal)
            values = np.ones((rows, len(columns)), np.float32)
            values[:, columns.index("nonfinite_count")] = 0
            live = np.ones(6, np.uint32) if signal == "activation" else None
            return [Reduction(signal, source, 8, values, np.zeros((rows, BINS), np.uint64), live)]

        return resolve

    def arm(self, wanted):
        self._fail("arm")
        self._wanted = wanted
        self.armed_steps += 1

    def disarm(self):
        self._wanted = frozenset()

    def collect(self):
        wanted, self._wanted = self._wanted, frozenset()
        self._fail("collect")
        seen = ("activation", "gradient", "weight", "weight_gradient")
        names = seen if self.observes_training else ("weight",)
        return {name: self._reduction(name, TRAINING_BATCH) for name in names if name in wanted}

    def parameters(self, wanted):
        return {"weight": self._reduction("weight", TRAINING_BATCH)} if "weight" in wanted else {}

    def last_batch(self, wanted):
        return {}

    def note_loss(self, loss):
        self._fail("note_loss")

    def close(self):
        self.closed = True

    # ---- facts

    def optimizer_facts(self):
        self._fail("optimizer_facts")
        return "SGD", {"lr": 0.1}

    def numbers(self, values):
        self._fail("numbers")
        return lambda: np.array(values, np.float32)


def settings(**options):
    """Every step, no budget."""
    return Options.create(
        **{"log_every_n_steps": 1, "explain_every_n_steps": 1, "max_overhead": None, **options}
    )


def record(log_dir, fake, steps=5, probe=True, **options):
    """A run that `fake` watches; the recorder afterwards."""
    samples = choose_probe(np.zeros((2, 1, 3, 3), np.float32), np.array([0, 1])) if probe else None
    recorder = Recorder(fake, samples, log_dir, "torch", settings(**options))
    recorder.start(0)
    for step in range(1, steps + 1):
        recorder.after_step(step, {"loss": 1.0 / step, "learning_rate": 0.1}, 1.0 / step)
    recorder.finish(steps)
    return recorder


def read(log_dir):
    """{tag: [(step, record)]} of everything written."""
    found = {}
    for path in sorted(log_dir.glob("xai/*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                data = (
                    metadata.parse_plugin_data(value.metadata.plugin_data.content)
                    if value.HasField("metadata")
                    else None
                )
                kind = data.kind if data else found[value.tag][0][2]
                found.setdefault(value.tag, []).append(
                    (event.step, codec.decode(kind, value.tensor.string_val[0]), kind)
                )
    return {tag: [(step, rec) for step, rec, _ in rows] for tag, rows in found.items()}


def states(got):
    """Signal → (state, reason) of the last status."""
    return {signal.name: (signal.state, signal.reason) for signal in got["status"][-1][1].signals}
