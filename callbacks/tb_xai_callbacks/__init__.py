# SPDX-License-Identifier: Apache-2.0
"""The recorder: one line in a training script that logs what a network is learning."""

__version__ = "0.1.0"
