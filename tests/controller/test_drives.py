from __future__ import annotations

import errno
import math
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import zlib
from base64 import b64encode
from importlib.metadata import version

import numpy as np
import pytest

import controller.recording.recorder as recorder_module
from controller.errors import DriveError, UsageError
from controller.pictures import encode_png
from controller.recording.format import (
    DECISION_TOPIC,
    DIAGNOSTICS_TOPIC,
    IMAGE_TOPIC,
    LOG_INFO,
    LOG_TOPIC,
    SCHEMAS,
    STATUS_TOPIC,
)
from controller.recording.reader import DriveInfo, read_decisions, read_drive, read_messages
from controller.recording.recorder import LONG_QUEUE, MIB, Recorder, RecordingSettings, list_drives
from controller.recording.writer import DriveWriter
from firmware_bridge.wire.commands import Command


def _png_of(width, height):
    """A PNG that says to be of this size, and holds next to nothing."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


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
    assert DIAGNOSTICS_TOPIC not in info.counts  # they would differ from run to run
    for frame, cycle in zip(frames, seen, strict=True):
        np.testing.assert_array_equal(frame.pixels, cycle.pixels)
        assert frame.command is cycle.decision.command
        assert frame.probabilities == cycle.probabilities
        assert frame.time_ns == cycle.frame.capture_ns
        assert frame.state == cycle.decision.state.value
    assert frames[-1].command is Command.LEFT


def test_a_drive_says_what_changed_in_foxgloves_own_schema(recorded):
    said = [
        (value["level"], value["message"])
        for topic, _, value in read_messages(recorded[0])
        if topic == LOG_TOPIC
    ]
    assert said == [
        (LOG_INFO, "armed: waiting for frame, link and microcontroller"),
        (LOG_INFO, "driving: driving"),
    ]


def test_a_drive_on_the_car_says_once_a_second_how_the_computer_is_doing(bench, shot, tmp_path):
    path = tmp_path / "one.mcap"
    with Recorder(path, {}, 0) as recorder:
        bench([shot() for _ in range(50)]).run(recorder)  # 2.5 s of virtual time
    found = [value for topic, _, value in read_messages(path) if topic == DIAGNOSTICS_TOPIC]
    assert len(found) == 2
    assert found[-1]["link_sent"] > found[0]["link_sent"]
    assert found[-1]["recorder_dropped"] == 0
    assert found[-1]["memory_mib"] > 5
    assert set(found[-1]) == set(SCHEMAS[DIAGNOSTICS_TOPIC]["properties"])


def test_a_drive_cut_at_any_byte_of_its_last_two_chunks_keeps_all_complete_ones(
    bench, shot, tmp_path, monkeypatch
):
    monkeypatch.setattr("controller.recording.writer.CHUNK_BYTES", 3000)
    shaded = np.repeat(np.arange(45, dtype=np.uint8), 240).reshape(45, 80, 3)
    path = tmp_path / "one.mcap"
    with Recorder(path, {}, 0, lossless=True) as recorder:
        bench([shot(pixels=shaded + np.uint8(i)) for i in range(12)]).run(recorder)
    whole = path.read_bytes()
    ends = _chunk_ends(whole)
    assert len(ends) >= 4
    messages = []
    for length in [*ends, len(whole)]:
        path.write_bytes(whole[:length])
        messages.append(sum(1 for _ in read_messages(path)))
    assert messages == sorted(messages)
    for length in range(ends[-3], len(whole)):
        path.write_bytes(whole[:length])
        info = DriveInfo()
        read = sum(1 for _ in read_messages(path, info))
        complete_chunks = sum(end <= length for end in ends)
        assert read >= messages[complete_chunks - 1]
        assert not info.complete


def _chunk_ends(content):
    """Where the chunk records end (opcode 0x06; MCAP specification, "Records")."""
    ends, position = [], 8
    while position < len(content) - 8:
        opcode, length = struct.unpack_from("<BQ", content, position)
        position += 9 + length
        if opcode == 0x06:
            ends.append(position)
    return ends


def test_what_is_written_is_forced_onto_the_disk_by_a_thread_of_its_own(
    bench, shot, tmp_path, monkeypatch
):
    forced = []

    def fsync(file):  # a power cut from here on leaves this much
        forced.append((threading.current_thread().name, os.fstat(file).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(recorder_module, "SYNC_S", 0.0)
    monkeypatch.setattr("controller.recording.writer.CHUNK_BYTES", 3000)
    path = tmp_path / "one.mcap"
    with Recorder(path, {}, 0, lossless=True) as recorder:
        bench([shot() for _ in range(12)]).run(recorder)
    assert len(forced) == recorder.written + 1  # and once on closing
    assert {thread for thread, _ in forced} == {"recorder"}
    ends = _chunk_ends(path.read_bytes())
    chunks = [sum(end <= size for end in ends) for _, size in forced]
    assert set(chunks) == set(range(1, len(ends) + 1))  # each as soon as it is complete
    assert forced[-1][1] == path.stat().st_size


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


def test_full_files_are_followed_by_others_and_the_oldest_make_room(bench, shot, tmp_path):
    kept_out = tmp_path / "precious.mcap"
    kept_out.write_bytes(b"x" * 3 * MIB)
    for age in range(4):
        old = tmp_path / f"drive-2020010{age}-000000.mcap"
        old.write_bytes(b"x" * MIB)
        os.utime(old, (1000 + age, 1000 + age))
    settings = RecordingSettings(str(tmp_path), file_mib=1, quota_mib=4)
    noise = np.random.default_rng(1).integers(0, 256, (250, 45, 80, 3), np.uint8)
    drive = bench([shot(pixels=picture) for picture in noise])  # about 11 kB a picture
    path = tmp_path / "drive-20260101-000000.mcap"
    with Recorder(path, {}, 0, settings, lossless=True) as recorder:
        drive.run(recorder)
    names = [found.name for found in list_drives(tmp_path)]
    new = [name for name in names if name.startswith("drive-2026")]
    assert new[-3:] == [f"drive-20260101-000000{n}.mcap" for n in ("-01", "-02", "")][: len(new)]
    assert "drive-20200100-000000.mcap" not in names
    assert kept_out.exists()
    assert sum(found.stat().st_size for found in list_drives(tmp_path)) <= 4.5 * MIB
    frames = [len(list(read_drive(tmp_path / name))) for name in new]
    assert sum(frames) == 250
    assert len(new) == 3


def test_a_next_file_that_cannot_be_begun_ends_the_recording_and_nothing_hangs(
    bench, shot, tmp_path
):
    (tmp_path / "drive-a-01.mcap").write_bytes(b"in the way")
    settings = RecordingSettings(str(tmp_path), file_mib=1, quota_mib=0)
    noise = np.random.default_rng(1).integers(0, 256, (250, 45, 80, 3), np.uint8)
    drive = bench([shot(pixels=picture) for picture in noise] + [shot() for _ in range(10)])
    with Recorder(tmp_path / "drive-a.mcap", {}, 0, settings, lossless=True) as recorder:
        drive.run(recorder)
    assert "never overwritten" in str(recorder.failure)
    assert drive.commands[-1] is Command.FORWARD
    assert len(list(read_drive(tmp_path / "drive-a.mcap"))) > 50


def test_making_room_passes_over_what_is_no_file(bench, shot, tmp_path):
    (tmp_path / "drive-folder.mcap").mkdir()
    (tmp_path / "drive-old.mcap").write_bytes(b"x" * 3 * MIB)
    settings = RecordingSettings(str(tmp_path), file_mib=1, quota_mib=2)
    with Recorder(tmp_path / "drive-z.mcap", {}, 0, settings, lossless=True) as recorder:
        bench([shot() for _ in range(5)]).run(recorder)
    assert recorder.failure is None
    assert not (tmp_path / "drive-old.mcap").exists()


_DECISION = {
    "frame_sequence": 0,
    "capture_ns": 0,
    "sent_ns": 0,
    "probabilities": [1, 0, 0],
    "command": "LEFT",
    "state": "driving",
    "reason": "",
}


@pytest.mark.parametrize(
    "decision",
    [
        {},
        [],
        {"frame_sequence": 0, "command": "BACK", "probabilities": [1, 0, 0]},
        {"frame_sequence": 0, "command": "LEFT", "probabilities": []},
        {**_DECISION, "frame_sequence": float("inf")},
        {**_DECISION, "capture_ns": float("inf")},
        {**_DECISION, "sent_ns": 10**30},
        {**_DECISION, "probabilities": [10**400, 0, 0]},
    ],
)
def test_a_foreign_decision_is_one_line(recorded, decision, monkeypatch):
    from controller.recording import reader

    monkeypatch.setattr(reader, "read_messages", _with_a_foreigner(DECISION_TOPIC, decision))
    with pytest.raises(DriveError, match="holds something else than decisions"):
        list(read_drive(recorded[0]))


_PIXEL = b64encode(encode_png(np.zeros((1, 1, 3), np.uint8)))


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ([], "holds something else than pictures"),
        ({"frame_id": "0", "data": "?"}, "holds something else than pictures"),
        ({"frame_id": float("inf"), "data": ""}, "holds something else than pictures"),
        ({"frame_id": "0", "data": ""}, "picture 0 cannot be decoded"),
        ({"frame_id": "1", "data": _PIXEL}, "picture 1 has another size than the last one"),
        ({"frame_id": "0", "data": b64encode(_png_of(100_000, 100_000))}, "cannot be decoded"),
    ],
)
def test_a_foreign_picture_is_one_line(recorded, picture, says, monkeypatch):
    from controller.recording import reader

    monkeypatch.setattr(reader, "read_messages", _with_a_foreigner(IMAGE_TOPIC, picture))
    with pytest.raises(DriveError, match=says) as error:
        list(read_drive(recorded[0]))
    assert "\n" not in str(error.value)


def _with_a_foreigner(where, foreigner):
    def read(path, info=None):
        seen = False  # the first of them is as it was
        for topic, time_ns, value in read_messages(path, info):
            yield topic, time_ns, foreigner if topic == where and seen else value
            seen = seen or topic == where

    return read


def test_a_queue_that_was_long_gives_back_its_memory_when_it_is_empty(
    tmp_path, bench, shot, monkeypatch
):
    disk, given_back, add = threading.Event(), [], DriveWriter.add

    def wait_and_add(writer, cycle):
        assert disk.wait(10)
        add(writer, cycle)

    monkeypatch.setattr(DriveWriter, "add", wait_and_add)
    monkeypatch.setattr(recorder_module, "give_back_freed_memory", lambda: given_back.append(1))
    with Recorder(tmp_path / "drive.mcap", {}, 0) as recorder:
        drive = bench([shot() for _ in range(2 * LONG_QUEUE)]).run(recorder)
        assert not given_back
        disk.set()
    assert given_back == [1]
    assert recorder.written == len(drive.cycles)


def test_what_a_model_said_that_is_no_number_is_read_as_such(tmp_path, bench, shot):
    path = tmp_path / "one.mcap"
    with Recorder(path, {}, 0, lossless=True, start_wall_ns=0) as recorder:
        bench([shot((math.nan, 0.5, 0.5))]).run(recorder)
    values = [value for topic, _, value in read_messages(path) if topic == DECISION_TOPIC]
    assert [None, 0.5, 0.5] in [value["probabilities"] for value in values]  # JSON has no NaN
    (decision,) = [d for d in read_decisions(path) if d.capture_ns is not None]
    assert math.isnan(decision.probabilities[0])
    assert decision.probabilities[1:] == (0.5, 0.5)


def _in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_writer_is_loaded_without_what_tells_its_version():
    said = _in_a_new_process(
        "import sys; from controller.recording.mcap_writer import load_writer; load_writer()\n"
        "print('importlib.metadata' in sys.modules, 'email' in sys.modules)\n"
        "from importlib.metadata import version; print(version('mcap'))"
    )
    assert said == ["False", "False", version("mcap")]


def test_who_imports_the_real_module_meanwhile_gets_it():
    said = _in_a_new_process(
        "import sys; from controller.recording import mcap_writer\n"
        "def meanwhile():\n"
        "    from importlib.metadata import entry_points\n"
        "    print(entry_points.__module__)\n"
        "mcap_writer._writer = meanwhile; mcap_writer.load_writer()\n"
        "import importlib.metadata; print(importlib.metadata.version.__module__)"
    )
    assert said == ["importlib.metadata"] * 2
