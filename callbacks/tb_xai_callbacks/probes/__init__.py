# SPDX-License-Identifier: Apache-2.0
"""What is observed: from a capture or a reduction to records."""
