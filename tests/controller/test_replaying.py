from __future__ import annotations

import json
import threading
import time

import pytest

from controller.__main__ import main
from controller.clock import MonotonicClock
from controller.drive.replay import replay
from controller.model.pilot import TflitePilot, find_model
from controller.recording.recorder import Recorder
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.links.registry import open_link


def _figures(capsys, *arguments):
    code = main(["replay", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def drive(bench, shot, tmp_path):
    path = tmp_path / "drive.mcap"
    turns = [(0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.0, 0.2, 0.8)] * 20
    with Recorder(path, {}, 0, lossless=True) as recorder:
        bench([shot(turn) for turn in turns]).run(recorder)
    return path


def test_the_same_replay_twice_gives_the_same_commands(capsys, drive):
    first, second = (_figures(capsys, drive) for _ in range(2))
    assert first[0] == 0
    assert first[1]["frames"] == first[1]["answered"] == 60
    for key in ("agreement", "commands_sha256", "changes", "compared"):
        assert first[1][key] == second[1][key]


def test_a_real_tub_is_answered_frame_by_frame(capsys, tubs):
    code, figures = _figures(capsys, tubs / "mat_day1", "--frames", 300)
    assert code == 0
    assert figures["frames"] == figures["answered"] == figures["compared"] == 300
    assert sum(figures["changes"].values()) == round(300 * (1 - figures["agreement"]))
    again = _figures(capsys, tubs / "mat_day1", "--frames", 300)[1]
    assert again["commands_sha256"] == figures["commands_sha256"]


def test_a_model_agrees_with_its_own_drive(bench, shot, tmp_path, tubs):
    """What was recorded as the model's input, replayed, gives what it decided then."""
    pilot = TflitePilot(find_model("default"))
    path = tmp_path / "own.mcap"
    with Recorder(path, {}, 0, lossless=True) as recorder:
        first = replay(tubs / "mat_t1", pilot, limit=200, sinks=(recorder,))
    report = replay(path, pilot)
    assert report.frames == 200
    assert report.agreed == report.compared == 200 - first.stopped  # STOP is not the model's
    assert first.stopped < 20
    assert report.commands_sha256 == first.commands_sha256


class StallingMcu:
    """A microcontroller on a pty, in real time, that stands still for a while, line and all."""

    def __init__(self, stall_s):
        self.stall_s = stall_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.line = PtyLine()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self.line.close()

    def _run(self):
        with open_microcontroller("python") as mcu:
            time_us, commands = 0, 0
            while not self._over.is_set():
                time.sleep(0.001)
                time_us += 1000
                data = self.line.read()
                commands += bool(data)
                if data and commands in (20, 35):  # with the command in its hand
                    time.sleep(self.stall_s)
                mcu.receive(data)
                mcu.run_until(time_us)
                self.line.write(mcu.transmit())


def test_a_replay_holds_its_pace_while_the_line_stands_still(drive):
    with StallingMcu(0.4) as mcu, open_link(mcu.line.path, MonotonicClock()) as link:
        report = replay(drive, TflitePilot(find_model("default")), link)
    assert report.frames == report.answered == 60
    assert report.stopped <= 3  # the line stood still between asking it and deciding
    assert report.motors_off_ms is not None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay", "/no/such/drive"], "no such file or folder"),
        (["replay", __file__], "not a drive"),
        (["replay", "/"], "neither a Donkeycar v2 tub nor a frame set"),
        (["replay", __file__, "--model", "/no/such/model.tflite"], "no such model file"),
        (["replay", __file__, "--model", "nobody"], "nor a shipped model"),
        (["replay", __file__, "--speed", "0"], "must be above 0"),
        (["replay", __file__, "--frames", "0"], "--frames is 0, must be 1 to"),
        (["replay", __file__, "--frames", "9" * 30], "must be 1 to"),
        (["drive", "--config", "/no/such/file.toml"], "cannot be read"),
        (["drive", "--camera", "teapot", "--link", "loop://"], "no such camera"),
        (["drive", "--threads", "0"], "must be 1 to 8"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(capfd, arguments, says):
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [[], ["drive"], ["replay"]])
def test_help_shows_an_example(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "python -m controller" in out
    assert not command or "example:" in out
