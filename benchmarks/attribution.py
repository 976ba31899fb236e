# SPDX-License-Identifier: Apache-2.0
"""What a snapshot of class activation maps costs, against one training pass and against other libraries.

ResNet-18 for 32 × 32, the outputs of its four stages, 16 pictures. The unit is one full forward and backward
pass of the same batch with gradients for the weights, as training does it. Ours includes everything from the
call to the arrays on the host: guard, hooks, forward pass, one backward pass to the earliest layer, maps.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import torch
from torch.nn import functional

from benchmarks.interleave import Figure, Section, interleaved, missing, quartiles, ratio
from benchmarks.nets import ResNet18
from tb_xai_callbacks.attribution import METHODS, method_named, methods_from
from tb_xai_callbacks.attribution.explained import Explained
from tb_xai_callbacks.attribution.method import LAYER
from tb_xai_callbacks.backends.contract import CaptureRequest, TargetLayer
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure.scores import Selection, select
from tb_xai_callbacks.run.sink import EventFileSink

LAYERS = ("layer1", "layer2", "layer3", "layer4")
GRAD_CAM_BAR, FAMILY_BAR = 0.6, 0.8
#: What pytorch-grad-cam imports of torchvision: to load, resize and write pictures.
TORCHVISION = {
    "torchvision": (),
    "torchvision.transforms": ("Compose", "Normalize", "ToTensor"),
    "torchvision.transforms.functional": ("resize",),
}
PASS = "forward and backward pass"
Work = Callable[[], object]


class Bench:
    """One model, one batch, and ways to explain it."""

    def __init__(self, samples: int) -> None:
        torch.manual_seed(0)
        self.model = ResNet18().train()
        self.inputs = torch.randn(samples, 3, 32, 32)
        self.labels = torch.randint(0, 10, (samples,))
        self.observer = TorchObserver(self.model, self.inputs.numpy())
        self.targets = [TargetLayer(name) for name in LAYERS]
        self.explained = Explained(self.choose(self.observer.outputs(self.inputs.numpy())), "0" * 16, {})

    def choose(self, outputs: np.ndarray) -> Selection:
        """The predicted classes."""
        return select(outputs, "predicted")

    def full_pass(self) -> None:
        """As in training."""
        self.model.train()
        self.model.zero_grad()
        functional.cross_entropy(self.model(self.inputs), self.labels).backward()

    def ours(self, *methods: str) -> Callable[[], list[object]]:
        """All maps of these methods at the four layers from one capture."""

        def work() -> list[object]:
            capture = self.observer.capture(CaptureRequest(LAYERS, self.choose))
            question = self.explained.ask(None, capture)
            return [
                self.explained.record(method, target, method.make(question, target))
                for target in self.targets
                for method in methods_from(methods)
            ]

        return work

    def score_cam(self) -> None:
        """Score-CAM at the last layer: a forward pass per channel kept."""
        with self.observer.explaining() as explainer:
            method_named("score_cam").make(self.explained.ask(explainer), self.targets[-1])

    def captum(self) -> None:
        """Captum takes one layer at a time."""
        from captum.attr import LayerGradCam

        self.model.eval()
        for name in LAYERS:
            explainer = LayerGradCam(self.model, self.model.get_submodule(name))
            explainer.attribute(self.inputs, target=self.explained.choice.targets.tolist())

    def torchcam(self) -> None:
        """torch-cam takes several layers and one class list."""
        from torchcam.methods import GradCAM

        self.model.eval()
        with GradCAM(self.model, list(LAYERS)) as explainer:
            explainer(self.explained.choice.targets.tolist(), self.model(self.inputs))

    def pytorch_grad_cam(self) -> None:
        """pytorch-grad-cam averages over layers; one call per layer gives them apart."""
        with _torchvision():
            from pytorch_grad_cam import GradCAM
            from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        self.model.eval()
        classes = [ClassifierOutputTarget(int(one)) for one in self.explained.choice.targets]
        for name in LAYERS:
            with GradCAM(self.model, [self.model.get_submodule(name)]) as explainer:
                explainer(input_tensor=self.inputs, targets=classes)


@contextmanager
def _torchvision() -> Iterator[None]:
    """Where there is no torchvision, stand-ins for the names of it that pytorch-grad-cam imports.

    PyPI's torchvision wants PyPI's torch with CUDA; the Grad-CAM that is timed calls none of these.
    """
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        for name, members in TORCHVISION.items():
            sys.modules[name] = ModuleType(name)
            vars(sys.modules[name]).update(dict.fromkeys(members))
    try:
        yield
    finally:
        for name in TORCHVISION:
            if getattr(sys.modules[name], "__file__", None) is None:
                del sys.modules[name]


def _available(
    works: dict[str, Callable[[], object]],
) -> tuple[dict[str, Callable[[], object]], list[Figure]]:
    """What can be run here, and a line for what cannot."""
    there, absent = {}, []
    for name, work in works.items():
        try:
            work()
            there[name] = work
        except (ImportError, RuntimeError) as error:
            absent.append(missing(f"Grad-CAM, 4 layers: {name}", f"cannot be run here: {error}"))
    return there, absent


def run(quick: bool = False) -> list[Section]:
    """Grad-CAM of everybody, our whole family, Score-CAM, and writing."""
    bench = Bench(4 if quick else 16)
    rounds = 3 if quick else 25
    family = [method.name for method in METHODS if method.explains == LAYER and not method.passes]
    peers, absent = _available(
        {"Captum": bench.captum, "torch-cam": bench.torchcam, "pytorch-grad-cam": bench.pytorch_grad_cam}
    )
    works = {
        PASS: bench.full_pass,
        "this recorder": bench.ours("grad_cam"),
        "family": bench.ours(*family),
        "score_cam": bench.score_cam,
        **peers,
    }
    times = interleaved(works, rounds).wall
    section = Section(
        "Class activation maps of 4 layers × 16 pictures, ResNet-18 for 32 × 32",
        f"Wall time as a multiple of one full {PASS} of the same batch, on the CPU.",
        [Figure(f"one {PASS}", quartiles(times[PASS])[0] * 1e3, "ms")],
    )
    rows = [("this recorder", "Grad-CAM, 4 layers: this recorder", GRAD_CAM_BAR)]
    rows += [(name, f"Grad-CAM, 4 layers: {name}", None) for name in peers]
    rows.append(("family", f"{len(family)} methods ({', '.join(family)}), 4 layers", FAMILY_BAR))
    rows.append(("score_cam", "Score-CAM, 1 layer, at most 32 masks", None))
    for name, title, bar in rows:
        middle, low, high = ratio(times, name, PASS)
        section.figures.append(Figure(title, middle, "×", low, high, bar))
    section.figures += absent
    section.figures.append(_writing(bench, quartiles(times[PASS])[0], rounds))
    return [section]


def _writing(bench: Bench, full_pass: float, rounds: int) -> Figure:
    """Encoding and writing happen on the sink's thread; here training would wait for them."""
    records = bench.ours("grad_cam")()
    with tempfile.TemporaryDirectory() as directory:
        sink = EventFileSink(directory, lambda reason: None)

        def work() -> None:
            sink.put(0, lambda: records)
            sink.flush()

        times = interleaved({"write": work}, rounds).wall["write"]
        sink.close()
    middle, low, high = quartiles([seconds / full_pass for seconds in times])
    return Figure("encoding and writing the 4 layers, off the training's thread", middle, "×", low, high)
