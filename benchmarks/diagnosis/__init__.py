# SPDX-License-Identifier: Apache-2.0
"""How well the diagnosis rules do on the development set, beside the rules of other tools."""
