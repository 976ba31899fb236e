# SPDX-License-Identifier: Apache-2.0
"""One thread, as the bench has it; Keras picks its backend when it is first imported."""

import os

import torch

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
torch.set_num_threads(1)
