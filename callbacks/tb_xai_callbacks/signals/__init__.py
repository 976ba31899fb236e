# SPDX-License-Identifier: Apache-2.0
"""What is observed, and made into records."""
