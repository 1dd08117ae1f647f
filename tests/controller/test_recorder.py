"""The recorder beside a disk that is slow, hangs or is full of drives."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import controller.recording.recorder as recorder_module
from controller.errors import UsageError
from controller.recording.recorder import Recorder, RecordingSettings
from controller.recording.writer import DriveWriter
from firmware_bridge.wire.commands import Command


@pytest.fixture
def disk(monkeypatch):
    """Set while the disk answers."""
    answers, add = threading.Event(), DriveWriter.add

    def wait_and_add(writer, cycle):
        assert answers.wait(30)
        add(writer, cycle)

    monkeypatch.setattr(DriveWriter, "add", wait_and_add)
    yield answers
    answers.set()


def test_what_a_slow_disk_does_not_take_is_dropped_counted_and_said(
    bench, shot, tmp_path, monkeypatch, disk, caplog
):
    monkeypatch.setattr(recorder_module, "QUEUE_SIZE", 4)
    drive = bench([shot() for _ in range(30)])
    with Recorder(tmp_path / "drive.mcap", {}, 0) as recorder:
        drive.run(recorder)
        assert drive.commands[-1] is Command.FORWARD
        disk.set()
    assert recorder.written in (4, 5)  # the queue, and the one that was being written
    assert recorder.written + recorder.dropped == len(drive.cycles)
    assert f"{recorder.dropped} cycles not recorded, disk too slow" in caplog.messages[-1]


def test_a_disk_that_hangs_does_not_keep_the_drive_from_ending(
    bench, shot, tmp_path, monkeypatch, disk, caplog
):
    monkeypatch.setattr(recorder_module, "CLOSE_TIMEOUT_S", 0.01)
    with Recorder(tmp_path / "drive.mcap", {}, 0) as recorder:
        bench([shot()]).run(recorder)
    assert "the disk does not answer" in caplog.messages[-1]
    disk.set()
    recorder._thread.join()


def test_the_oldest_drives_make_room_for_one_more_file_and_no_more(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(recorder_module, "MIB", 1000)
    for age, name in enumerate("CADBE"):  # the oldest first
        path = tmp_path / f"drive-{name}.mcap"
        path.write_bytes(b"x" * 1000)
        os.utime(path, (1000 + age, 1000 + age))
    unlink = Path.unlink

    def unlink_if_allowed(path, *arguments):
        if path.name == "drive-C.mcap":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, *arguments)

    monkeypatch.setattr(Path, "unlink", unlink_if_allowed)
    settings = RecordingSettings(str(tmp_path), file_mib=1, quota_mib=4)
    with Recorder(tmp_path / "drive-new.mcap", {}, 0, settings):
        pass
    kept = sorted(path.stem for path in tmp_path.iterdir())
    assert kept == ["drive-B", "drive-C", "drive-E", "drive-new"]
    assert "drive-C.mcap: cannot be deleted" in caplog.text


@pytest.mark.parametrize(
    ("file_mib", "quota_mib", "says"),
    [(0, 0, "file_mib is 0"), (2, 3, "at least twice file_mib"), (2, -4, "at least twice")],
)
def test_sizes_that_leave_no_room_are_refused(file_mib, quota_mib, says):
    with pytest.raises(UsageError, match=says):
        RecordingSettings("drives", file_mib, quota_mib)


@pytest.mark.parametrize(("file_mib", "quota_mib"), [(1, 0), (2, 4)])
def test_the_smallest_sizes(file_mib, quota_mib):
    assert RecordingSettings("drives", file_mib, quota_mib).quota_mib == quota_mib
