# SPDX-License-Identifier: Apache-2.0
"""The demonstration: two small networks on handwritten digits, one healthy, one that dies."""
