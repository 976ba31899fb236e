# SPDX-License-Identifier: Apache-2.0
"""The sink's thread gets no team of OpenMP's: with more threads than processors libgomp lets them all sleep
between two operations, and training itself takes up to twice as long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, threading, time
import torch
from torch import nn
from tb_xai_callbacks.torch import watch

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(1, 64, 3, padding=1), nn.ReLU()
        self.block = nn.TransformerEncoderLayer(64, 4, 2048, dropout=0.0, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.relu(self.conv(x)).flatten(2).transpose(1, 2)
        return self.head(self.block(x).mean(1))

def extra():
    return len(os.listdir("/proc/self/task")) - threading.active_count()

model, inputs, labels = Net(), torch.randn(48, 1, 12, 12), torch.arange(48) % 10
optimizer = torch.optim.SGD(model.parameters(), 0.01)

def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss

for _ in range(5):
    step()
before = extra()
probe = inputs[:16], labels[:16]
with watch(model, optimizer, probe=probe, log_dir=sys.argv[1], max_overhead=None) as explain:
    for _ in range(30):
        explain.step(loss=step())
    time.sleep(2)  # its queue is short; a team stays as long as its thread
    during = extra()
print(torch.get_num_threads(), before, during)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux lists them")
def test_the_sinks_thread_gets_no_team_of_openmps(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    threads, before, during = map(int, done.stdout.split()[-3:])
    assert threads == 2
    assert during == before
