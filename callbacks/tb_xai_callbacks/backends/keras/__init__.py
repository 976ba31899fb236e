# SPDX-License-Identifier: Apache-2.0
"""Keras 3, on an engine."""
