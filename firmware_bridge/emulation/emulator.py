"""The emulated firmware in real time, with its serial line on a pseudo-terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from firmware_bridge.emulation.avr_mcu import AvrMcu, PinChange
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.emulation.python_mcu import applied_command
from firmware_bridge.wire.commands import Command, McuStatus
from firmware_bridge.wire.protocol import COUNTERS
from firmware_bridge.wire.session import HostSession

STEP_S = 0.001
MAX_LAG_US = 20_000
"""A machine too busy to keep up stops MCU time for longer than this instead of rushing after."""


@dataclass(slots=True)
class EmulationReport:
    """What the emulated car did, all times in MCU time.

    Attributes:
        mcu_time_s: Time since power-on.
        pin_changes: Changes of a motor pin or duty.
        motion_changes: Changes of the motion that the pins show (forward, left, right, stop).
        shown_ms: For how long the pins showed each motion.
        accepted: Commands accepted.
        rejects: Frames rejected, by reason.
        motors_off: Whether the motors are off now.
        off_after_last_accepted_ms: From the last accepted command until the motors were off, or
            None while they are on or before any command.
    """

    mcu_time_s: float = 0.0
    pin_changes: int = 0
    motion_changes: int = 0
    shown_ms: dict[str, float] = field(default_factory=dict)
    accepted: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    motors_off: bool = True
    off_after_last_accepted_ms: float | None = None

    def as_json(self) -> dict[str, object]:
        """Ready for `json.dumps`."""
        return asdict(self)


class PinLog:
    """Boils the history of the pins and the statuses down to an `EmulationReport`."""

    def __init__(self, first: PinChange) -> None:
        self._last = first
        self._accepted_us: float | None = None
        self._off_us = first.time_us
        self._shown_us = dict.fromkeys(Command, 0.0)
        self._shown_since_us = first.time_us
        self._totals = dict.fromkeys(COUNTERS, 0)
        self._counted = dict.fromkeys(COUNTERS, 0)
        self._boot: tuple[int, int] | None = None
        self._report = EmulationReport()

    def add(self, change: PinChange) -> None:
        """Take the next change of the pins."""
        before, self._last = self._last, change
        if change.accepted != before.accepted:
            self._accepted_us = change.time_us
        if change.motors == before.motors:
            return
        self._report.pin_changes += 1
        if change.motors.off:
            self._off_us = change.time_us
        if _shown(change) is not _shown(before):
            self._report.motion_changes += 1
            self._shown_us[_shown(before)] += change.time_us - self._shown_since_us
            self._shown_since_us = change.time_us

    def count(self, status: McuStatus) -> None:
        """Take the next status: its counters are 16 bits and start again at a reset."""
        for name, value in status.counters.items():
            self._totals[name] += (value - self._counted[name]) & 0xFFFF
        self._counted = dict(status.counters)

    def restart(self) -> None:
        """The MCU was reset: its counters start again."""
        self._counted = dict.fromkeys(COUNTERS, 0)

    def report(self, time_us: float) -> EmulationReport:
        """The summary up to now."""
        report = self._report
        report.mcu_time_s = time_us / 1e6
        shown_us = dict(self._shown_us)
        shown_us[_shown(self._last)] += time_us - self._shown_since_us
        report.shown_ms = {
            command.name.lower(): round(shown_us[command] / 1000, 3) for command in Command
        }
        report.accepted = self._totals["accepted"]
        report.rejects = {name: self._totals[name] for name in COUNTERS[1:]}
        report.motors_off = self._last.motors.off
        if report.motors_off and self._accepted_us is not None:
            off_us = max(0.0, self._off_us - self._accepted_us)
            report.off_after_last_accepted_ms = round(off_us / 1000, 3)
        else:
            report.off_after_last_accepted_ms = None
        return report


def _shown(change: PinChange) -> Command:
    return applied_command(
        *(round(duty * 255) for duty in (change.motors.left, change.motors.right))
    )


class Emulator:
    """An emulated ATmega328P with the firmware, in real time on a pty. A context manager.

    Attributes:
        line: The pseudo-terminal; may be closed and replaced, which is pulling the plug.
        lost_us: By how much MCU time has fallen behind real time on a machine too busy to keep up.
        mcu: The microcontroller.
    """

    def __init__(
        self,
        pty_link: Path | None = None,
        on_change: Callable[[PinChange], None] | None = None,
    ) -> None:
        """Power on.

        Args:
            pty_link: Where to put a symbolic link to the pty.
            on_change: Called with every change of the pins, in MCU time.

        Raises:
            EmulatorError: A tool is missing, or the link cannot be made.
        """
        self.mcu = AvrMcu()
        self.line: PtyLine | None = PtyLine(pty_link)
        self._on_change = on_change
        self._log = PinLog(self.mcu.pins)
        self._listener = HostSession()
        self._uptime_ms = 0
        self._start_ns = time.monotonic_ns()
        self.lost_us: float = 0.0

    def step(self) -> None:
        """Let MCU time catch up with real time, and carry the bytes."""
        due_us = (time.monotonic_ns() - self._start_ns) // 1000
        lag_us = due_us - self.mcu.time_us
        if lag_us > MAX_LAG_US:
            self._start_ns += (lag_us - MAX_LAG_US) * 1000
            self.lost_us += lag_us - MAX_LAG_US
            due_us -= lag_us - MAX_LAG_US
        if self.line is not None:
            self.mcu.receive(self.line.read())
        self.mcu.run_until(due_us)
        sent = self.mcu.transmit()
        if self.line is not None:
            self.line.write(sent)
        self._listen(sent)

    def run(self, until: Callable[[], bool]) -> None:
        """Step every millisecond until told to end."""
        while not until():
            self.step()
            time.sleep(STEP_S)

    def run_for_mcu_ms(self, mcu_ms: float) -> None:
        """Go on for this long in MCU time."""
        end_us = self.mcu.time_us + mcu_ms * 1000
        self.run(lambda: self.mcu.time_us >= end_us)

    def report(self) -> EmulationReport:
        """What the emulated car did since power-on."""
        return self._log.report(self.mcu.time_us)

    def _listen(self, sent: bytes) -> None:
        for status in self._listener.receive(sent, 0):
            if status.uptime_ms < self._uptime_ms:
                self._log.restart()
            self._uptime_ms = status.uptime_ms
            self._log.count(status)
        for change in self.mcu.take_history():
            self._log.add(change)
            if self._on_change is not None:
                self._on_change(change)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.line is not None:
            self.line.close()
        self.mcu.close()
