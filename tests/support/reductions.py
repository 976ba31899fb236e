# SPDX-License-Identifier: Apache-2.0
"""Asking a backend for everything, and what it then brings."""

#: Every reduction that there is.
EVERYTHING = frozenset({"activation", "gradient", "weight", "weight_gradient"})


def resolved(reductions):
    """Reductions by signal, waited for."""
    return {name: reduction for name, pending in reductions.items() for reduction in pending()}
