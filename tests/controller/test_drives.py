from __future__ import annotations

import errno
import resource
import signal

import numpy as np
import pytest

from controller.drives import DECISION_TOPIC, IMAGE_TOPIC, STATUS_TOPIC, DriveInfo, read_drive
from controller.errors import DriveError, UsageError
from controller.recorder import Recorder
from firmware_bridge.commands import Command


@pytest.fixture
def recorded(bench, shot, tmp_path):
    drive = bench([shot((0.1, 0.8, 0.1)) for _ in range(30)])
    path = tmp_path / "drives" / "one.mcap"
    with Recorder(path, {"model": "scripted"}, 0, lossless=True, start_wall_ns=10**18) as recorder:
        drive.run(recorder)
    return path, drive


def test_a_drive_gives_back_what_was_driven(recorded):
    path, drive = recorded
    info = DriveInfo()
    frames = list(read_drive(path, info))
    seen = [cycle for cycle in drive.cycles if cycle.frame is not None]
    assert info.complete
    assert info.metadata == {"model": "scripted"}
    assert info.counts[DECISION_TOPIC] == len(drive.cycles)
    assert info.counts[IMAGE_TOPIC] == len(frames) == 30
    assert info.counts[STATUS_TOPIC] >= 20
    for frame, cycle in zip(frames, seen, strict=True):
        np.testing.assert_array_equal(frame.pixels, cycle.pixels)
        assert frame.command is cycle.decision.command
        assert frame.probabilities == cycle.probabilities
        assert frame.time_ns == cycle.frame.capture_ns
        assert frame.state == cycle.decision.state.value
    assert frames[-1].command is Command.LEFT


def test_a_drive_cut_anywhere_opens_with_all_its_complete_chunks(recorded, tmp_path):
    whole = recorded[0].read_bytes()
    cut = tmp_path / "cut.mcap"
    previous = 0
    for length in [*range(8, len(whole), 97), len(whole)]:
        cut.write_bytes(whole[:length])
        info = DriveInfo()
        frames = len(list(read_drive(cut, info)))
        assert frames >= previous
        assert info.complete == (length == len(whole))
        previous = frames
    assert previous == 30


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x89MCAP9\r\n", b"{}"])
def test_what_is_no_drive_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(DriveError, match="not a drive") as error:
        list(read_drive(path))
    assert "\n" not in str(error.value)


def test_a_drive_is_never_overwritten(tmp_path):
    path = tmp_path / "one.mcap"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="never overwritten"):
        Recorder(path, {}, 0).__enter__()
    assert path.read_bytes() == b"precious"


def test_a_disk_that_fails_ends_the_recording_and_not_the_drive(bench, shot, tmp_path):
    drive = bench([shot() for _ in range(30)])
    recorder = Recorder(tmp_path / "one.mcap", {}, 0, lossless=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # then: "File too large"
        with recorder:
            drive.run(recorder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert recorder.failure is not None
    assert recorder.failure.errno == errno.EFBIG
    assert drive.commands[-1] is Command.FORWARD
