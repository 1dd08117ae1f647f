import threading
import time

import pytest

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.emulation.emulator import Emulator
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.links.serial import SerialLink
from firmware_bridge.wire.commands import Command, McuState

pytestmark = pytest.mark.needs("simavr")


class Running:
    """An emulator in a thread; what is asked of it is done between two of its steps."""

    def __init__(self, path):
        self.changes = []
        self.emulator = Emulator(path, self.changes.append)
        self._ended = threading.Event()
        self._errands = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with self.emulator:
            while not self._ended.is_set():
                self.emulator.step()
                while self._errands:
                    self._errands.pop()()
                time.sleep(0.001)

    def do(self, errand):
        self._errands.append(errand)
        while self._errands:
            time.sleep(0.001)

    def end(self):
        self._ended.set()
        self._thread.join(5)


@pytest.fixture
def running(tmp_path):
    made = Running(tmp_path / "car")
    yield made
    made.end()


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def drive(link, command, until, seconds=5.0):
    """Ask for a command until something has come of it, arming as often as it takes."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen"
        status = link.health().status
        armed = status is not None and status.state is not McuState.DISARMED
        link.send(command if armed else Command.STOP, 150)
        time.sleep(0.02)


def keep_sending(link, command, count):
    for _ in range(count):
        link.send(command, 150)
        time.sleep(0.02)


def test_the_line_is_pulled_out_and_put_back_while_driving(running, tmp_path):
    emulator = running.emulator
    path = tmp_path / "car"
    with SerialLink(str(path), MonotonicClock()) as link:
        drive(link, Command.FORWARD, lambda: not emulator.mcu.motors.off)
        session = link.health().status.session

        running.do(lambda: (emulator.line.close(), setattr(emulator, "line", None)))
        keep_sending(link, Command.FORWARD, 15)
        assert not link.health().connected
        assert emulator.mcu.motors.off

        running.do(lambda: setattr(emulator, "line", PtyLine(path)))
        back = time.monotonic()
        while not link.health().connected:
            link.send(Command.FORWARD, 150)
            time.sleep(0.02)
            assert time.monotonic() - back < 1.0
        keep_sending(link, Command.FORWARD, 10)
        assert emulator.mcu.motors.off  # no motion before arming
        status = link.health().status
        assert status.state is McuState.DISARMED
        assert status.session != session

        drive(link, Command.LEFT, lambda: emulator.mcu.motors.left < 0)


def test_reports_what_the_pins_did(running, tmp_path):
    with SerialLink(str(tmp_path / "car"), MonotonicClock()) as link:
        drive(link, Command.RIGHT, lambda: len(running.changes) > 20)
        shown_until = time.monotonic() + 0.5
        drive(link, Command.RIGHT, lambda: time.monotonic() > shown_until)
    wait_for(lambda: running.emulator.mcu.motors.off, 5)
    time.sleep(0.1)
    reports = []
    running.do(lambda: reports.append(running.emulator.report()))
    (report,) = reports
    assert report.motors_off
    assert report.accepted >= 10
    assert report.shown_ms["right"] > 200
    assert report.shown_ms["left"] == 0
    assert report.motion_changes >= 2
    assert report.off_after_last_accepted_ms < 150
    assert any(change.motors.right < 0 < change.motors.left for change in running.changes)


def test_counts_go_on_over_a_reset(running, tmp_path):
    with SerialLink(str(tmp_path / "car"), MonotonicClock()) as link:
        for _ in range(2):
            wait_for(lambda: link.health().connected, 2)
            keep_sending(link, Command.STOP, 10)
            running.do(running.emulator.mcu.reset)
            time.sleep(0.3)
    reports = []
    running.do(lambda: reports.append(running.emulator.report()))
    assert 18 <= reports[0].accepted <= 22
