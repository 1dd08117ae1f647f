"""That what the owner writes into the configuration reaches a drive, in a process of its own."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controller.__main__ import main
from controller.benchmark.measure import benchmark_peer

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What `pressed_drive` saw of every cycle: 60 driven ones, then SIGTERM."""
    pytest.importorskip("gpiozero")
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path_factory.mktemp("car") / "car.toml"
    with benchmark_peer() as device:
        config.write_text(
            f'[camera]\nsource = "pattern"\n[link]\ndevice = "{device}"\n'
            '[arming]\nsocket = ""\ngpio_pin = 17\n'
            f"[dashboard]\nport = {port}\n[smoothing]\nhold_frames = 3\n"
        )
        command = [sys.executable, "-m", "tests.controller.pressed_drive", str(config)]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_button_arms_and_nothing_else_did(seen):
    states = [state for state, *_ in seen["cycles"]]
    assert set(states[:20]) == {"DISARMED"}
    assert states.count("DRIVING") >= 60


def test_the_page_at_its_port_shows_the_drive(seen):
    assert seen["page"]["state"] == "driving"


def _runs(names):
    """How often each is repeated; not of the last one, which was cut off."""
    return [len(list(run)) for _, run in itertools.groupby(names)][:-1]


def test_decisions_are_weighed_as_the_card_says_and_held(seen):
    """Two in eight of the made-up pictures are forward, one after the other, and by weight."""
    held, chosen = [], []
    for state, stretch in itertools.groupby(seen["cycles"], lambda cycle: cycle[0]):
        if state == "DRIVING":
            _, commands, choices = zip(*stretch, strict=True)
            held += _runs(commands)
            chosen += _runs(choices)
    assert min(held) >= 3 > min(chosen)


def test_what_was_loaded_is_left_out_of_garbage_collection(seen):
    assert seen["frozen_objects"] > 10_000


@pytest.mark.parametrize(
    "devices",
    [
        ("--camera", "pattern", "--link", "/dev/not-yet"),
        ("--camera", "opencv:977", "--link", "loop://"),
        ("--camera", "mjpeg:http://127.0.0.1:9/", "--link", "loop://"),
    ],
    ids=lambda devices: devices[1],
)
def test_a_device_that_may_come_late_is_no_wrong_input(devices, capsys):
    """Exit code 2 would have the service give up at once."""
    assert main(["drive", *devices]) == 1
    assert capsys.readouterr().err.count("error: ") == 1
