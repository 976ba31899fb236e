# SPDX-License-Identifier: Apache-2.0
"""The table of methods, what of it is refused, and questions that are asked of a pass or of the model."""

import numpy as np
import pytest
import torch
from torch_models import NormDrop, data, seed_all

from tb_xai_callbacks.attribution import METHODS, Method, Question, describe, method_named, methods_from
from tb_xai_callbacks.attribution.explained import Explained
from tb_xai_callbacks.attribution.method import INPUT, LAYER
from tb_xai_callbacks.attribution.question import Tokens
from tb_xai_callbacks.attribution.trust import is_judged
from tb_xai_callbacks.backends.contract import Capture, CaptureRequest, TargetLayer
from tb_xai_callbacks.backends.torch.observer import TorchObserver
from tb_xai_callbacks.measure.scores import select

SAMPLES = 4
NAMES = (
    "grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "xgrad_cam", "eigen_cam", "score_cam",
    "layer_conductance", "saliency", "input_x_gradient", "smooth_grad", "integrated_gradients",
    "guided_backprop", "occlusion", "attention_rollout", "gradient_rollout", "neuron_conductance",
    "deep_lift", "lrp", "feature_ablation", "kernel_shap", "lime",
)  # fmt: skip


def blank(question, layer):
    return np.zeros((len(question.inputs), 2, 2))


# ---- the table


def test_every_method_is_there_once_in_its_order():
    assert tuple(method.name for method in METHODS) == NAMES


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_every_method_says_what_it_is(method):
    assert method.title[0].isupper()
    assert method.meaning.endswith(".")
    assert any(year in method.source for year in map(str, range(2010, 2027))), method.source
    assert (method.how is None) == (type(method) is not Method), "it is made by one of two"
    (described,) = describe([method])
    assert (described.name, described.title, described.meaning) == (
        method.name, method.title, method.meaning
    )  # fmt: skip
    assert described.unfaithful == (method.name == "guided_backprop")
    assert described.signed == method.signed


def test_no_two_methods_have_one_title():
    assert len({method.title for method in METHODS}) == len(METHODS)


# ---- what is asked for


def test_methods_come_by_name_or_as_they_are_each_once():
    mine = Method("mine", "Mine", "Nothing.", blank)
    found = methods_from(["saliency", mine, "grad_cam", "saliency", method_named("grad_cam")])
    assert [method.name for method in found] == ["saliency", "mine", "grad_cam"]
    assert found[1] is mine


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["gradcam"], r"methods has 'gradcam'; known: grad_cam, grad_cam_plus_plus, .*; or a Method"),
        ([3], "methods has 3; expected names"),
        ([Method("one", "A", "A.", blank), Method("one", "B", "B.", blank)], "two that are named 'one'"),
        ([Method("saliency", "A", "A.", blank)], "two that are named 'saliency'"),
    ],
)
def test_what_is_no_method_is_refused(wanted, message):
    with pytest.raises(ValueError, match=message):
        methods_from(wanted)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a/b"}, "letters, digits and underscores"),
        ({"name": ""}, "letters, digits and underscores"),
        ({"explains": "layers"}, "expected layer, input or attention"),
        ({"passes": 0}, "at least one"),
        ({"passes": 0, "explains": LAYER, "guided": True}, "at least one"),
        ({"passes": -1, "explains": LAYER}, "at least one"),
    ],
)
def test_a_method_that_cannot_be_is_refused_where_it_is_made(given, message):
    with pytest.raises(ValueError, match=message):
        Method(**{"name": "mine", "title": "Mine", "meaning": "Nothing.", "how": blank, **given})


def test_a_method_without_a_way_of_making_maps_says_so():
    with pytest.raises(NotImplementedError, match="'mine' has no how="):
        Method("mine", "Mine", "Nothing.").make(None, None)


def test_a_description_that_would_not_count_is_refused():
    with pytest.raises(TypeError, match="Mine sets signed as of the class"):

        class Mine(Method):
            signed = True


def test_a_method_of_ten_lines_is_a_class_or_a_function():
    class Size(Method):
        def make(self, question, layer):
            return np.abs(question.inputs)

    one = Size("size", "Size", "How large each value is.", signed=False)
    other = Method("size", "Size", "How large each value is.", lambda question, layer: abs(question.inputs))
    question = Question(None, None, inputs=-np.ones((2, 3)))
    np.testing.assert_array_equal(one.make(question, None), other.make(question, None))


# ---- questions


@pytest.fixture
def asked():
    """An observer, its captured pass at conv2, and that layer."""
    seed_all()
    x, y = data(SAMPLES)
    observer = TorchObserver(NormDrop().eval(), x.numpy())
    observer.layout()
    layer = TargetLayer("conv2")
    request = CaptureRequest(("conv2",), lambda outputs: select(outputs, "label", y.numpy()))
    return observer, observer.capture(request), layer


def test_maps_of_the_shared_pass_do_not_run_the_model(asked):
    _, capture, layer = asked
    question = Question(None, capture.choice, capture)
    heat = method_named("grad_cam").make(question, layer)
    assert heat.shape == (SAMPLES, 4, 4)
    with pytest.raises(ValueError, match="runs the model, but says passes=0"):
        method_named("saliency").make(question, layer)


def test_other_inputs_are_asked_of_the_model_in_one_pass(asked):
    observer, capture, layer = asked
    with observer.explaining() as explainer:
        pulls, pull = [], explainer.pull
        explainer.pull = lambda *args: pulls.append(args) or pull(*args)
        question = Question(explainer, capture.choice, capture)
        seen = method_named("grad_cam").make(question, layer)
        assert not pulls
        other = method_named("grad_cam").make(question.at(explainer.inputs[::-1]), layer)
        assert len(pulls) == 1
        method_named("grad_cam").make(question.at(explainer.inputs), layer)
    assert np.abs(seen - other).max() > 1e-3


#: DeepLIFT is left out: it refuses the functional ReLU of this model.
JUDGED = [method for method in METHODS if is_judged(method) and method.name != "deep_lift"]


@pytest.mark.parametrize("method", JUDGED, ids=lambda method: method.name)
def test_every_method_that_is_judged_can_be_made_for_other_inputs(asked, method):
    observer, capture, layer = asked
    place = layer if method.explains == LAYER else None
    with observer.explaining(guided=method.guided) as explainer:
        question = Question(explainer, capture.choice, None if method.guided else capture)
        heat = method.make(question, place)
        same = method.make(question.at(explainer.inputs), place)
        other = method.make(question.at(20 * explainer.inputs), place)
    np.testing.assert_allclose(heat, same, rtol=1e-6)
    assert other.shape == heat.shape
    assert np.abs(heat - other).max() > 0


def test_only_maps_of_the_input_and_of_the_shared_pass_are_judged():
    assert [method.name for method in METHODS if not is_judged(method)] == [
        "score_cam", "layer_conductance", "attention_rollout", "gradient_rollout", "neuron_conductance",
    ]  # fmt: skip


def test_a_method_that_looks_at_a_layer_but_does_not_say_so_is_told(asked):
    _, capture, _ = asked
    with pytest.raises(ValueError, match='does not say explains="layer"'):
        Question(None, capture.choice, capture).activation(None)


def test_attention_that_was_not_captured_is_told(asked):
    _, capture, _ = asked
    with pytest.raises(ValueError, match="attention was not captured"):
        method_named("attention_rollout").make(Question(None, capture.choice, capture), None)


def test_padding_does_not_attend():
    real = np.array([[True, True, False], [True, True, True]])
    weights = np.full((2, 1, 3, 3), 1 / 3)
    choice = select(np.eye(2, dtype=np.float32), "predicted")
    capture = Capture(np.eye(2), choice, attention={"a": weights})
    question = Question(None, choice, capture, Tokens(real=real))
    seen = question.attention()["a"]
    assert np.isnan(seen[0, :, 2]).all()
    assert np.isfinite(seen[1]).all()
    heat = method_named("attention_rollout").make(question, None)
    assert heat.shape == (2, 3)
    np.testing.assert_allclose(heat.sum(1), 1, rtol=1e-6)


# ---- records


@pytest.mark.parametrize("shape", [(SAMPLES,), (3, 4, 4), ()])
def test_heat_of_a_wrong_shape_is_refused(asked, shape):
    _, capture, _ = asked
    mine = Method("mine", "Mine", "Nothing.", blank)
    with pytest.raises(ValueError, match=rf"expected \[{SAMPLES}, …\], one map a sample"):
        Explained(capture.choice, "probe").record(mine, None, np.zeros(shape))


def test_a_record_says_where_its_maps_are_of(asked):
    _, capture, layer = asked
    explained = Explained(capture.choice, "probe", {"conv2": 2})
    heat = np.zeros((SAMPLES, 100, 100))
    at_layer = explained.record(method_named("grad_cam"), layer, heat)
    assert (at_layer.layer, at_layer.call, at_layer.heat.shape) == ("conv2", 2, (SAMPLES, 64, 64))
    assert explained.record(method_named("occlusion"), None, heat).layer == INPUT
    assert explained.record(method_named("gradient_rollout"), None, heat).layer == "attention"


def test_scores_are_those_of_the_cotangent(asked):
    observer, capture, _ = asked
    with observer.explaining() as explainer:
        question = Question(explainer, capture.choice)
        outputs, labels = explainer.outputs(explainer.inputs), np.arange(SAMPLES) % 3
        np.testing.assert_allclose(question.score_at(explainer.inputs), outputs[np.arange(SAMPLES), labels])
        likely = torch.from_numpy(outputs).softmax(1).numpy()[np.arange(SAMPLES), labels]
        np.testing.assert_allclose(question.probability_at(explainer.inputs), likely, rtol=1e-5)
