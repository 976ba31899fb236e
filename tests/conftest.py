# SPDX-License-Identifier: Apache-2.0
"""For all tests: Keras' backend is picked when it is first imported, and machines may be busy."""

import os

from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Deadlines judge the machine, not the code.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
