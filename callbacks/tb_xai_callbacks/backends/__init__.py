# SPDX-License-Identifier: Apache-2.0
"""Who runs and differentiates the model. A backend is imported only by the host that uses it."""
