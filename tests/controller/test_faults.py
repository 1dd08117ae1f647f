"""Real faults on a real `python -m controller drive`, motors as the emulated firmware's pins say.

The firmware runs in simavr in this process, in real time, on a pty. Times are MCU time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from firmware_bridge.commands import McuState
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import EmulatorError
from firmware_bridge.pty_line import PtyLine

DEADMAN_MS = 150.0
STEP_MS = 1.5
"""How finely the emulation's loop sees its own time."""


class DrivenCar:
    """The emulated microcontroller, stepped by a thread, and a controller process driving it."""

    def __init__(self, tmp_path):
        self.link = tmp_path / "tty"
        self.changes = []
        self.emulator = Emulator(self.link, self.changes.append)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.emulator.run, args=(self._over.is_set,))
        self.process = None

    def __enter__(self):
        self.emulator.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._over.set()
        self._thread.join(10)
        self.emulator.__exit__(None, None, None)

    def drive(self, *options):
        command = [
            sys.executable,
            "-m",
            "controller",
            "drive",
            "--camera",
            "pattern",
            "--model",
            "/tmp/m/tiny.tflite",
        ]
        self.process = subprocess.Popen(
            [*command, "--link", str(self.link), "--arm", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait_for(lambda: not self.motors.off, "the car to drive")

    @property
    def motors(self):
        return self.emulator.mcu.motors

    @property
    def time_us(self):
        return self.emulator.mcu.time_us

    def wait_for(self, condition, what, timeout_s=20.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if self.process is not None and self.process.poll() not in (None, 0, -9):
                pytest.fail(
                    f"waiting for {what}, the controller ended: {self.process.stderr.read()}"
                )
            if time.monotonic() > deadline:
                pytest.fail(f"waited {timeout_s} s for {what}")
            time.sleep(0.001)

    def off_after_ms(self, since_us):
        """MCU time from `since_us` until the motors were off for good, in ms."""
        self.wait_for(lambda: self.motors.off, "the motors to stop")
        stopped = [c.time_us for c in self.changes if c.motors.off and c.time_us >= since_us]
        return (stopped[0] - since_us) / 1000 if stopped else 0.0


@pytest.fixture
def car(tmp_path):
    try:
        car = DrivenCar(tmp_path)
    except EmulatorError as error:
        pytest.skip(str(error))
    with car:
        yield car


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("phase_ms", [0, 13, 29])
def test_a_controller_that_dies_or_freezes_leaves_the_motors_off_within_150_ms(
    car, number, phase_ms
):
    car.drive()
    time.sleep(0.2 + phase_ms / 1000)
    car.process.send_signal(number)
    since_us = car.time_us
    assert car.off_after_ms(since_us) <= DEADMAN_MS + STEP_MS
    time.sleep(0.4)
    assert car.motors.off
    assert car.emulator.mcu.state is McuState.DISARMED


def test_sigterm_sends_stop_and_ends_with_0(car):
    car.drive()
    time.sleep(0.2)
    car.process.terminate()
    since_us = car.time_us
    assert car.process.wait(5) == 0
    assert car.off_after_ms(since_us) <= DEADMAN_MS
    assert "frames" in car.process.stdout.read()


def test_a_frozen_controller_that_wakes_up_does_not_drive_on_unasked(car):
    """Its owner allowed it to arm again: then only after a second in which all was well."""
    car.drive()
    time.sleep(0.2)
    car.process.send_signal(signal.SIGSTOP)
    car.wait_for(lambda: car.motors.off, "the deadman")
    time.sleep(0.3)
    woken_us = car.time_us
    car.process.send_signal(signal.SIGCONT)
    car.wait_for(lambda: not car.motors.off, "the car to drive again")
    assert car.time_us - woken_us >= 1_000_000


def test_a_line_that_goes_away_and_comes_back(car):
    """STOP while away, connected again within 1 s of its return, no motion before arming."""
    car.drive()
    time.sleep(0.2)
    unplugged, car.emulator.line = car.emulator.line, None
    unplugged.close()
    since_us = car.time_us
    assert car.off_after_ms(since_us) <= DEADMAN_MS + STEP_MS
    time.sleep(0.5)
    assert car.motors.off
    car.emulator.line = PtyLine(car.link)
    back_us = car.time_us
    car.wait_for(lambda: car.emulator.mcu.state is not McuState.DISARMED, "the link")
    assert car.time_us - back_us <= 1_000_000
    assert car.motors.off
    car.wait_for(lambda: not car.motors.off, "the car to drive again")
    # The link needs a moment, then everything must have been well for a second.
    assert car.time_us - back_us >= 1_000_000


def test_a_device_that_is_no_microcontroller_never_gets_a_motion(tmp_path):
    with PtyLine(tmp_path / "tty") as line:
        heard = []
        command = [sys.executable, "-m", "controller", "drive", "--camera", "pattern", "--arm"]
        process = subprocess.Popen(
            [*command, "--link", str(tmp_path / "tty"), "--seconds", "1.5"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while process.poll() is None:
            heard.append(line.read())
            line.write(os.urandom(32))
            time.sleep(0.002)
        out, err = process.communicate(timeout=5)
    assert process.returncode == 0, err
    # Without a status it knows no session: there is nothing valid that it could send.
    assert b"".join(heard) == b""
    assert b"link down" in out
