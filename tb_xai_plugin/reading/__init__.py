# SPDX-License-Identifier: Apache-2.0
"""From event files, or TensorBoard, to records and series."""
