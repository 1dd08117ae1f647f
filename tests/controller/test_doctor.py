from __future__ import annotations

import dataclasses
import json
import threading
import time

import pytest

from controller.__main__ import main
from controller.benchmark.measure import benchmark_peer
from controller.cameras.base import Camera
from controller.cameras.pattern import made_up_picture
from controller.cameras.registry import CameraSettings
from controller.cli.check import as_text
from controller.clock import VirtualClock
from controller.config import Config, LinkSettings, ModelSettings
from controller.doctor import devices, probes
from controller.doctor.devices import (
    firmware_line,
    look_at_camera,
    look_at_link,
    look_at_model,
    look_at_running_drive,
    rate_line,
)
from controller.doctor.page import Probe, Verdict, diagnose, fail, ok, warn
from controller.errors import EndOfFrames
from controller.frames import Frame
from controller.service.control import ArmingSettings
from controller.service.control_client import NotAllowedError
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.wire.commands import Trip
from firmware_bridge.wire.protocol import VERSION, encode_status


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Shorter than a real car's, whose camera takes seconds to start."""
    monkeypatch.setattr(devices, "WATCHED_S", 0.3)
    monkeypatch.setattr(devices, "FIRST_FRAME_S", 0.5)
    monkeypatch.setattr(devices, "FIRST_STATUS_S", 1.0)


def _only(lines):
    (line,) = lines
    return line


# The page


def test_a_probe_that_raises_hangs_or_answers_is_a_line_each():
    never = threading.Event()
    asked = [
        Probe("good", lambda: [ok("good", "well")]),
        Probe("broken", lambda: 1 // 0, advice="mend it"),
        Probe("hung", lambda: [ok("hung", str(never.wait(20)))], 0.05),
        Probe("after", lambda: [warn("after", "still looked at")]),
    ]
    start = time.monotonic()
    page = diagnose(asked)
    assert time.monotonic() - start < 5
    never.set()
    assert [(line.name, line.verdict) for line in page] == [
        ("good", Verdict.OK),
        ("broken", Verdict.FAIL),
        ("hung", Verdict.FAIL),
        ("after", Verdict.WARN),
    ]
    assert page[1].advice == "mend it"
    assert page[2].found == "no answer within 0.05 s"


@pytest.mark.parametrize(
    ("error", "found"), [(ValueError("two\n lines"), "two lines"), (ValueError(), "ValueError")]
)
def test_what_a_probe_raises_is_one_line(error, found):
    def look():
        raise error

    assert _only(diagnose([Probe("broken", look)])).found == found


def test_the_page_says_what_to_do_and_ends_with_the_verdict():
    assert as_text([ok("model", "here"), fail("link", "no device", "plug it in")]) == (
        "model  ok    here\nlink   fail  no device\n             -> plug it in\n\n"
        "this car cannot drive: link"
    )
    assert as_text([warn("board", "old")]).endswith("\n\nthis car can drive")


def test_a_made_up_camera_works_and_is_called_so():
    camera, rate = look_at_camera(CameraSettings("pattern", frame_rate_hz=50))
    assert camera.verdict is Verdict.WARN
    assert "160x90 pixels" in camera.found
    assert "no real camera" in camera.found
    assert rate.name == "frame rate"


class _Shown(Camera):
    """Shows one picture again and again, or none, or ends."""

    def __init__(self, pixels, end=False):
        self._pixels, self._end = pixels, end
        self._sequence = 0
        self.clock = VirtualClock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, timeout_ms):
        if self._end and self._sequence == 3:
            raise EndOfFrames("it is over")
        self.clock.advance_to(self.clock.now_ns() + 10_000_000)
        if self._pixels is None:
            return None
        self._sequence += 1
        return Frame(self._pixels, self._sequence, self.clock.now_ns())


LANE = made_up_picture(1, 90, 160)


@pytest.mark.parametrize(
    ("camera", "source", "verdict", "found", "advice"),
    [
        (_Shown(LANE), "opencv:0", Verdict.OK, "opencv:0: 160x90 pixels, first frame after", ""),
        (_Shown(LANE), "replay:x", Verdict.WARN, "no real camera", "for a real drive"),
        (_Shown(LANE * 0), "picamera2", Verdict.FAIL, "; camera sees black", "uncover the lens"),
        (_Shown(None), "picamera2", Verdict.FAIL, "no frame within 0.5 s", "rpicam-hello"),
        (_Shown(LANE, end=True), "opencv:x.mp4", Verdict.FAIL, "over before", "group video"),
    ],
)
def test_what_the_camera_shows(monkeypatch, camera, source, verdict, found, advice):
    monkeypatch.setattr(devices, "MonotonicClock", lambda: camera.clock)
    monkeypatch.setattr(devices, "open_camera", lambda _settings, _clock: camera)
    line, *rate = look_at_camera(CameraSettings(source))
    assert [line.found for line in rate] in ([], ["100.0 of 30 frames/s"])
    assert (line.verdict, found in line.found, advice in line.advice) == (verdict, True, True)


@pytest.mark.parametrize(("rate_hz", "verdict"), [(26.9, Verdict.FAIL), (27.1, Verdict.OK)])
def test_a_frame_rate_at_which_the_supervisor_would_stop_fails(rate_hz, verdict):
    assert rate_line(rate_hz, CameraSettings(frame_rate_hz=30)).verdict is verdict


def test_the_shipped_model_is_as_its_card_says():
    model, inference = look_at_model(ModelSettings(), CameraSettings())
    assert model.verdict is Verdict.OK
    assert "45" in model.found
    assert inference.name == "inference"


@pytest.mark.parametrize(
    ("typical_ms", "slow_ms", "better", "verdict", "says"),
    [
        (10.0, 99.0, None, Verdict.OK, ""),
        (10.0, 101.0, 2, Verdict.FAIL, "frames are too old"),
        (34.0, 40.0, 2, Verdict.WARN, "frames come every 33 ms"),
        (10.0, 20.0, 2, Verdict.WARN, "set [model] threads = 2"),
    ],
)
def test_a_model_that_is_slow_is_said(monkeypatch, typical_ms, slow_ms, better, verdict, says):
    monkeypatch.setattr(devices, "_inference_ms", lambda _pilot: (typical_ms, slow_ms))
    monkeypatch.setattr(devices, "faster_threads", lambda _settings, _now_ms: better)
    line = look_at_model(ModelSettings(), CameraSettings(frame_rate_hz=30))[1]
    assert (line.verdict, says in line.advice) == (verdict, True)
    assert line.found.startswith(f"{typical_ms:.2f} ms, at worst {slow_ms:.2f} ms (")


@pytest.mark.parametrize(
    ("times_ms", "threads", "better"),
    [
        ({1: 30.0, 2: 16.0, 4: 11.0}, 1, 4),
        ({1: 30.0, 2: 16.0, 4: 20.0}, 1, 2),
        ({1: 30.0, 2: 16.0, 4: 11.0}, 4, None),
        ({1: 1.0, 2: 0.9, 4: 1.4}, 1, None),  # not worth a second core
        ({1: 0.20, 2: 0.10, 4: 0.1}, 1, None),
        ({1: 0.5, 2: 2.0, 4: 3.0}, 4, 1),
    ],
)
def test_threads_are_chosen_by_measurement(monkeypatch, times_ms, threads, better):
    monkeypatch.setattr(devices.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(devices, "load_pilot", lambda model, count: count)
    monkeypatch.setattr(devices, "_inference_ms", lambda count: (times_ms[count], 99.0))
    settings = ModelSettings(threads=threads)
    assert devices.faster_threads(settings, times_ms[threads]) == better


def test_a_microcontroller_that_answers():
    with benchmark_peer() as device:
        link, firmware = look_at_link(LinkSettings(device))
    assert link.verdict is firmware.verdict is Verdict.OK
    assert f"protocol {VERSION} (here {VERSION})" in firmware.found


def test_a_line_that_is_silent():
    with PtyLine() as line:
        found = _only(look_at_link(LinkSettings(line.path)))
    assert found.verdict is Verdict.FAIL
    assert "silent for 1 s" in found.found


@pytest.fixture
def status():
    """A status of the real firmware's twin."""
    from firmware_bridge.wire.session import HostSession

    with open_microcontroller("python") as mcu:
        mcu.run_until(200_000)
        return HostSession().receive(mcu.transmit(), 0)[-1]


def test_firmware_of_another_version(status):
    with PtyLine() as line:
        stop = threading.Event()
        frame = encode_status(dataclasses.replace(status, version=VERSION + 1))

        def speak():
            while not stop.wait(0.02):
                line.write(frame)

        thread = threading.Thread(target=speak)
        thread.start()
        found = _only(look_at_link(LinkSettings(line.path)))
        stop.set()
        thread.join()
    assert found.verdict is Verdict.FAIL
    assert f"protocol version {VERSION + 1}" in found.found


@pytest.mark.parametrize(
    ("trip", "verdict"),
    [(Trip.RESET, Verdict.OK), (Trip.ESTOP, Verdict.FAIL), (Trip.BATTERY, Verdict.FAIL)],
)
def test_what_locks_the_microcontroller_fails(status, trip, verdict):
    assert firmware_line(dataclasses.replace(status, trip=trip)).verdict is verdict


def test_a_running_drive_is_asked_instead_of_its_devices():
    answer = {"state": "disarmed", "reason": "not armed", "frame_rate_hz": 29.8}
    drive, rate, link = look_at_running_drive(
        answer | {"link_connected": True, "mcu_state": "ARMED"}, CameraSettings(frame_rate_hz=30)
    )
    assert drive.verdict is rate.verdict is link.verdict is Verdict.OK
    assert look_at_running_drive(answer, CameraSettings())[-1].verdict is Verdict.FAIL


# The whole


def test_check_prints_a_page_and_fails_if_a_line_does(tmp_path, capsys, monkeypatch):
    config = tmp_path / "car.toml"
    config.write_text(
        f'[camera]\nsource = "pattern"\n[link]\ndevice = "/no/such/device"\n'
        f'[arming]\nsocket = "{tmp_path}/control"\n[recording]\nfolder = "{tmp_path}"\n'
    )
    assert main(["check", "--config", str(config)]) == 1
    page = capsys.readouterr().out.splitlines()
    names = [row.split("  ")[0] for row in page if row and not row.startswith(" ")]
    for name in ("camera", "frame rate", "link", "model", "power", "disk", "clock", "service"):
        assert name in names
    assert page[-1].startswith("this car cannot drive: ")
    assert main(["check", "--config", str(config), "--json"]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert figures["can_drive"] is False
    assert {line["verdict"] for line in figures["lines"]} <= {"ok", "warn", "fail"}


def test_check_succeeds_where_nothing_failed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        probes, "all_probes", lambda _config: [Probe("x", lambda: [warn("x", "so so")])]
    )
    config = tmp_path / "car.toml"
    config.write_text("")
    assert main(["check", "--config", str(config)]) == 0
    assert capsys.readouterr().out.endswith("this car can drive\n")


def test_a_broken_configuration_is_a_line_too(tmp_path, capsys):
    config = tmp_path / "car.toml"
    config.write_text("[camera]\nrate = 3\n")
    assert main(["check", "--config", str(config)]) == 1
    out = capsys.readouterr().out
    assert "settings  fail" in out
    assert "unknown key 'camera.rate'" in out


def test_a_drive_that_this_user_may_not_ask_is_left_alone_and_said(monkeypatch):
    def refuse(_path, _word):
        raise NotAllowedError("join its group")

    monkeypatch.setattr(probes, "ask", refuse)
    drive, *others = probes.all_probes(Config())
    line = _only(drive.look())
    assert (line.name, line.verdict) == ("drive", Verdict.WARN)
    assert "join its group" in line.found
    assert not {"camera", "link"} & {probe.name for probe in others}


def test_devices_of_a_running_drive_are_left_alone(monkeypatch):
    monkeypatch.setattr(probes, "ask", lambda _path, _word: {"state": "driving"})
    names = [probe.name for probe in probes.all_probes(Config(arming=ArmingSettings("/x")))]
    assert "drive" in names
    assert "camera" not in names
    assert "link" not in names
