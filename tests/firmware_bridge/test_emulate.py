import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DRIVER = """
import os, sys, time
from firmware_bridge.clock import MonotonicClock
from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.links.registry import open_link

with open_link(sys.argv[1], MonotonicClock()) as link:
    while not link.health().connected:
        time.sleep(0.01)
    for command in (Command.FORWARD, Command.LEFT, Command.RIGHT):
        sent = 0
        while sent < 10:  # on a busy machine the car may have to be armed again
            armed = link.health().status.state is not McuState.DISARMED
            link.send(command if armed else Command.STOP, 120)
            sent += armed
            time.sleep(0.02)
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
    if sys.argv[2] == "fails":
        sys.exit(3)
"""


pytestmark = pytest.mark.needs("simavr")


def emulate(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "firmware_bridge", "emulate", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(("ending", "code"), [("well", 0), ("dies", 137), ("fails", 3)])
def test_a_driver_on_the_emulated_firmware(tmp_path, ending, code):
    pins = tmp_path / "pins.jsonl"
    done = emulate(
        "--json", "--pins", str(pins), "--", sys.executable, "-c", DRIVER, "{pty}", ending
    )
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    assert report["motors_off"] is True
    assert 0 <= report["off_after_last_accepted_ms"] <= 150
    if ending == "dies":
        assert report["off_after_last_accepted_ms"] > 50
    assert report["accepted"] >= 20
    for motion in ("forward", "left", "right"):
        assert report["shown_ms"][motion] > 50
    assert report["rejects"]["crc"] == report["rejects"]["length"] == 0
    history = [json.loads(line) for line in pins.read_text().splitlines()]
    times = [change["time_us"] for change in history]
    assert times == sorted(times)
    assert any(change["left"] < 0 < change["right"] for change in history)
    assert (history[-1]["left"], history[-1]["right"]) == (0, 0)


def test_a_command_that_is_not_there():
    done = emulate("--", "no-such-command")
    assert done.returncode == 2
    assert done.stderr.strip() == ("error: cannot run 'no-such-command': No such file or directory")


def test_a_file_where_the_link_should_be(tmp_path):
    (tmp_path / "taken").touch()
    done = emulate("--pty-link", str(tmp_path / "taken"), "--", "true")
    assert done.returncode == 2
    assert "cannot make the link" in done.stderr
    assert "Traceback" not in done.stderr
