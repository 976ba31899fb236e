# SPDX-License-Identifier: Apache-2.0
"""Diagnosis of a training run from its records."""
