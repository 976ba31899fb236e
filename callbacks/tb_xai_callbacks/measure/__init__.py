# SPDX-License-Identifier: Apache-2.0
"""Arithmetic: arrays in, arrays out. No model, no step, no I/O."""
