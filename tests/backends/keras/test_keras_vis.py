# SPDX-License-Identifier: Apache-2.0
"""Our maps of a functional Keras model against tf-keras-vis, which knows those on TensorFlow only."""

import warnings

import keras
import numpy as np
import pytest
from keras_models import chooser, functional, observe, pictures
from maps import map_of
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.layercam import Layercam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.scores import CategoricalScore

from tb_xai_callbacks.attribution import Question
from tb_xai_callbacks.backends.contract import CaptureRequest
from tb_xai_callbacks.measure.cam import CAMS
from tb_xai_callbacks.measure.scores import select

CLASS = 2


def model():
    keras.utils.set_random_seed(0)
    return functional()


def theirs(tool, net, x, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the structure of inputs
        return np.asarray(tool(net)(CategoricalScore([CLASS] * len(x)), x.copy(), **options))


@pytest.mark.parametrize(("method", "tool"), [("grad_cam", Gradcam), ("layer_cam", Layercam)])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_class_activation_maps(method, tool, layer):
    net, (x, _) = model(), pictures(5)
    observer, probe = observe(net, x)
    observer.layout()
    capture = observer.capture(CaptureRequest((layer,), chooser(probe, targets=CLASS)))
    ours = CAMS[method](capture.activations[layer], capture.gradients[layer])
    expected = theirs(tool, net, x, penultimate_layer=layer, expand_cam=False, normalize_cam=False)
    assert expected.max() > 1e-4
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_saliency():
    net, (x, _) = model(), pictures(5)
    observer, _ = observe(net, x)
    observer.layout()
    choice = select(observer.capture(CaptureRequest(choose=lambda o: select(o, CLASS))).outputs, CLASS)
    with observer.explaining() as explainer:
        ours = map_of("saliency", Question(explainer, choice), None, explainer.inputs)
    np.testing.assert_allclose(ours, theirs(Saliency, net, x, normalize_map=False), rtol=1e-4, atol=1e-7)
