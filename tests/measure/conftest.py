# SPDX-License-Identifier: Apache-2.0
"""The oracles' networks are tiny: more than one thread only costs time."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
