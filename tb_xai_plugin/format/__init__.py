# SPDX-License-Identifier: Apache-2.0
"""A record's bytes: schema, records, codecs, metadata."""
