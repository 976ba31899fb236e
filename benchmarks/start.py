# SPDX-License-Identifier: Apache-2.0
"""What the plugin adds to TensorBoard's start: its import, its construction and its routes.

A fresh process each time, TensorBoard and its own plugins already imported, as in `tensorboard --logdir`.
What answers the tab's questions is imported with the first of them, and timed apart.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.interleave import Figure, Section, quartiles

START_BAR_MS = 50
PROGRAM = """
import argparse, time
import tensorboard.default, tensorboard.program
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin

tensorboard.default.get_static_plugins()
flags = argparse.Namespace(logdir=".", samples_per_plugin={})
provider = data_provider.MultiplexerDataProvider(plugin_event_multiplexer.EventMultiplexer(), ".")
context = base_plugin.TBContext(flags=flags, logdir=".", data_provider=provider)
before, cpu = time.perf_counter(), time.process_time()
from tb_xai_plugin.loader import XaiLoader
loader = XaiLoader()
loader.fix_flags(flags)
plugin = loader.load(context)
assert plugin.get_plugin_apps() and plugin.frontend_metadata()
started, cpu = time.perf_counter(), time.process_time() - cpu
plugin._answers()
print((started - before) * 1e3, (time.perf_counter() - started) * 1e3, cpu * 1e3)
"""


def run(quick: bool = False) -> list[Section]:
    """Milliseconds of fresh processes."""
    found = []
    for _ in range(3 if quick else 21):
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
        found.append([float(number) for number in done.stdout.split()])
    wall, later, cpu = zip(*found, strict=True)
    section = Section("TensorBoard's start with the plugin", "Import, construction, routes; fresh processes.")
    middle, low, high = quartiles(wall)
    note = f"processor time {quartiles(cpu)[0]:.0f} ms"
    section.figures.append(Figure("added to the start", middle, "ms", low, high, START_BAR_MS, note))
    middle, low, high = quartiles(later)
    section.figures.append(Figure("added to the tab's first question", middle, "ms", low, high))
    return [section]
