# SPDX-License-Identifier: Apache-2.0
"""Services of one run: what is on, what it costs, when it is due, where it is written."""
