# SPDX-License-Identifier: Apache-2.0
"""TFRecord files against TensorBoard's own reader and writer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New, masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from tb_xai_plugin.format import record_file

RECORDS = [b"", b"a", b"\0" * 300, bytes(range(256)) * 3]


def file_of(path: Path, records: list[bytes]) -> Path:
    path.write_bytes(b"".join(map(record_file.framed, records)))
    return path


@pytest.fixture(params=["native", "python"])
def checksums(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "python":
        monkeypatch.setattr(record_file, "native", None)
    else:
        assert record_file.native is not None, "google-crc32c belongs to the development set"
    return str(request.param)


def test_what_is_written_is_what_tensorboard_writes(checksums: str) -> None:
    for data in RECORDS:
        theirs = io.BytesIO()
        RecordWriter(theirs).write(data)
        assert record_file.framed(data) == theirs.getvalue()


def test_what_is_written_is_what_tensorboard_reads(tmp_path: Path, checksums: str) -> None:
    reader = PyRecordReader_New(str(file_of(tmp_path / "f", RECORDS)))
    for data in RECORDS:
        reader.GetNext()
        assert reader.record() == data
    with pytest.raises(errors.OutOfRangeError):
        reader.GetNext()


@given(st.binary(max_size=200))
def test_both_checksums_agree(data: bytes) -> None:
    assert record_file.checksum(data) == masked_crc32c(data)


def test_records_return(tmp_path: Path, checksums: str) -> None:
    assert list(record_file.records(file_of(tmp_path / "f", RECORDS))) == RECORDS


def test_records_that_begin_with_a_word_are_passed_over(tmp_path: Path) -> None:
    long = b"..histograms/x" + b"." * 1000
    path = file_of(tmp_path / "f", [b"first", long, b"." * 500 + b"histograms/", b"last"])
    assert list(record_file.records(path, (b"histograms/",))) == [
        b"first",
        b"." * 500 + b"histograms/",
        b"last",
    ]


@pytest.mark.parametrize("cut", [1, 4, 10, 15])
def test_a_file_that_ends_within_a_record_gives_what_is_whole(
    tmp_path: Path, cut: int, checksums: str
) -> None:
    path = file_of(tmp_path / "f", [b"whole", b"x" * 10])
    path.write_bytes(path.read_bytes()[:-cut])
    read = record_file.records(path)
    assert next(read) == b"whole"
    with pytest.raises(record_file.DamagedError, match="ends within a record"):
        next(read)


def test_a_damaged_length_is_noticed(tmp_path: Path, checksums: str) -> None:
    path = file_of(tmp_path / "f", [b"whole"])
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(record_file.DamagedError, match="damaged"):
        list(record_file.records(path))


def test_damaged_bytes_are_noticed_with_native_checksums(tmp_path: Path) -> None:
    path = file_of(tmp_path / "f", [b"whole"])
    path.write_bytes(path.read_bytes().replace(b"whole", b"whale"))
    with pytest.raises(record_file.DamagedError, match="damaged"):
        list(record_file.records(path))
