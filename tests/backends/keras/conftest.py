# SPDX-License-Identifier: Apache-2.0
"""Keras picks its backend when imported; `test_keras_on_all.py` runs this folder on torch and JAX."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
