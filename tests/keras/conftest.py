# SPDX-License-Identifier: Apache-2.0
"""Keras picks its backend when it is first imported; `test_keras_on_torch.py` runs this folder on torch."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
