# SPDX-License-Identifier: Apache-2.0
"""The event file: complete, bounded, and never a danger to training."""

import threading

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tb_xai_callbacks.run.sink import EventFileSink
from tb_xai_plugin.format import codec
from tb_xai_plugin.format.records import Scalars


def events(path):
    return [event for event in EventFileLoader(str(path)).Load() if event.summary.value]


def test_records_arrive_in_order_in_a_child_run(tmp_path):
    sink = EventFileSink(tmp_path / "a", pytest.fail)
    for step in range(200):
        sink.put(step, lambda step=step: [Scalars({"loss": float(step)})])
    sink.close()
    sink.close()
    assert sink.path.parent == tmp_path / "a" / "xai"
    got = events(sink.path)
    assert [event.step for event in got] == list(range(200))
    assert codec.decode("Scalars", got[7].summary.value[0].tensor.string_val[0]).values == {"loss": 7.0}


def test_flush_makes_records_readable_while_open(tmp_path):
    sink = EventFileSink(tmp_path, pytest.fail)
    sink.put(1, lambda: [Scalars({"loss": 1.0})])
    sink.flush()
    assert len(events(sink.path)) == 1
    sink.close()


def test_a_full_queue_drops_and_counts(tmp_path):
    gate = threading.Event()
    sink = EventFileSink(tmp_path, pytest.fail, capacity=2, patience_s=0.01)
    sink.put(0, lambda: gate.wait(10) and [])
    for step in range(1, 8):
        sink.put(step, lambda: [Scalars({})])
    assert sink.dropped >= 4
    gate.set()
    sink.close()
    assert len(events(sink.path)) + sink.dropped == 7


def test_two_sinks_of_one_directory_have_two_files(tmp_path):
    first, second = EventFileSink(tmp_path, pytest.fail), EventFileSink(tmp_path, pytest.fail)
    first.close()
    second.close()
    assert first.path != second.path


def test_a_full_disk_stops_the_log_and_not_the_training(tmp_path):
    said = []
    sink = EventFileSink(tmp_path, said.append)
    sink.flush()
    sink._file.close()
    sink._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
    for step in range(5):
        sink.put(step, lambda: [Scalars({"loss": 1.0})])
        sink.flush()
    sink.close()
    assert sink.failed
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        EventFileSink(tmp_path / "file", pytest.fail)
