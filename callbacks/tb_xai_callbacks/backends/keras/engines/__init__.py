# SPDX-License-Identifier: Apache-2.0
"""What Keras' own backends do differently."""
