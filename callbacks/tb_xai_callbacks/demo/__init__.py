# SPDX-License-Identifier: Apache-2.0
"""The demonstration: digits, learned by a network that is well and by one that dies, and a shortcut."""
