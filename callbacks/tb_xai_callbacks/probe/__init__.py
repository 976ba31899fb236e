# SPDX-License-Identifier: Apache-2.0
"""The fixed samples that everything is explained on."""
