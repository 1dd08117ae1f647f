"""Rows of the fault suite that once did not stop the car; see `tests.controller.test_faults`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from firmware_bridge.wire.commands import McuState
from tests.controller.aborting_model import write_aborting_model
from tests.controller.test_faults import (  # noqa: F401 - fixtures are found by their names
    CYCLE_MS,
    DEADMAN_MS,
    FAULTY_DRIVE,
    LINE_MS,
    new_car,
    repeats,
    row,
)

pytestmark = pytest.mark.redteam


@pytest.mark.parametrize("ring", [2, 4])
def test_a_camera_that_hands_out_its_old_buffers_in_turn(new_car, repeats, row, ring):  # noqa: F811
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            seen.append(car.off_after_ms(car.break_down(f"ring {ring}")))
            assert car.stays_off(1.0)
            assert car.emulator.mcu.state is McuState.ARMED  # STOP did it, not the deadman
            car.break_down("")
            car.drives_again()
    bound_ms = DEADMAN_MS + CYCLE_MS + ring * 1000 / 30
    row(f"camera: ring of {ring}", "STOP: camera repeats; drives on after", bound_ms, seen)


def test_a_reader_that_is_killed(new_car, repeats, row):  # noqa: F811
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            seen.append(car.off_after_ms(car.break_down("reader killed")))
            assert car.stays_off(1.5)
            assert car.process.poll() is None
            car.process.terminate()
            out, err = car.process.communicate(timeout=10)
            assert "link down" in out
            assert "has ended" in err
    row("serial reader killed", "deadman: nothing is sent", DEADMAN_MS + LINE_MS + CYCLE_MS, seen)


def _press(car, *, pressed):
    """Set the emergency stop's pin, from the thread that runs the firmware."""
    step = car.emulator.step

    def once():
        car.emulator.mcu.set_estop(pressed=pressed)
        car.emulator.step = step
        step()

    car.emulator.step = once


def test_an_emergency_stop_and_then_sigkill_with_arm_at_start(new_car, repeats, row):  # noqa: F811
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            since_us = car.time_us
            _press(car, pressed=True)
            seen.append(car.off_after_ms(since_us))
            _press(car, pressed=False)
            assert car.stays_off(0.5)
            car.process.send_signal(signal.SIGKILL)
            car.process.communicate(timeout=10)
            assert car.stays_off(0.5)
            again = _start_again(car)
            assert car.stays_off(3.0)
            assert car.emulator.mcu.state is McuState.DISARMED
            again.terminate()
            out, err = again.communicate(timeout=10)
            assert "emergency stop or low battery" in err, (out, err)
    row("e-stop, SIGKILL, start", "off at once; no motion after", LINE_MS, seen)


def _start_again(car):
    """The next process, as systemd starts it: nothing is awaited of it."""
    command = [sys.executable, str(FAULTY_DRIVE), str(car.mode), "drive", "--camera", "faulty"]
    car.process = subprocess.Popen(
        [*command, "--link", str(car.link), "--arm"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=car.environment,
    )
    return car.process


class _Flood:
    """Junk and requests from the drive's own relative name, as fast as they are taken."""

    def __init__(self, path):
        self._path = str(path)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        here = Path.cwd()
        folder = path.parent / "elsewhere"
        folder.mkdir()
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        os.chdir(folder)
        try:
            self._line.bind(path.name)
        finally:
            os.chdir(here)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(10)
        self._line.close()

    def _run(self):
        while not self._over.is_set():
            for word in (b"junk", b"status"):
                try:
                    self._line.sendto(word, self._path)
                except OSError:
                    time.sleep(0.002)


def test_a_flood_of_datagrams(new_car, repeats, row, tmp_path):  # noqa: F811
    """Twelve of them made the drive deaf to `disarm` for good."""
    seen = []
    for number in range(repeats):
        path = tmp_path / str(number) / "control"
        path.parent.mkdir()
        config = tmp_path / f"{number}.toml"
        config.write_text(f'[arming]\nsocket = "{path}"\n')
        with new_car() as car:
            car.drive("--config", str(config))
            with _Flood(path):
                time.sleep(0.5)
                assert not car.motors.off
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as owner:
                    owner.settimeout(10)
                    owner.sendto(b"disarm", str(path))  # waits for a place in the queue
                    since_us = car.time_us
                seen.append(car.off_after_ms(since_us))
                assert car.stays_off(1.0)
            car.process.terminate()
            _, err = car.process.communicate(timeout=10)
            assert "queue was full" in err
    row("datagram flood", "disarm is obeyed", CYCLE_MS * 2, seen)


def test_a_model_that_aborts_is_refused_before_anything_moves(
    new_car,  # noqa: F811
    repeats,  # noqa: F811
    row,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    model = write_aborting_model(tmp_path / "model.tflite")
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            said, ran_ms = car.is_refused("--model", str(model))
            seen.append(ran_ms)
            assert "ends the process that runs it" in said
    row("model: aborts", "refused, nothing moves", 0.0, seen)
