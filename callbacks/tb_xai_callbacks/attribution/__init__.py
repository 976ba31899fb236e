# SPDX-License-Identifier: Apache-2.0
"""How a map is made: the methods, and how far to believe them."""
