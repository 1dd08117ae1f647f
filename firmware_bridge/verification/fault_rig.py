"""A car being driven in simavr, for something to go wrong with."""

from __future__ import annotations

import random

from firmware_bridge.emulation.avr_mcu import AvrMcu, PinChange
from firmware_bridge.errors import EmulatorError
from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.wire.session import HostSession

BYTE_US = 85
"""Ten bits at the baud rate that the ATmega328P makes of 16 MHz (117647)."""
PERIOD_US = 20_000
_MOTIONS = (Command.FORWARD, Command.LEFT, Command.RIGHT)


class Rig:
    """A host at 50 Hz, a line, and an ATmega328P that is being driven.

    Attributes:
        now_us: MCU time.
        rng: Every choice of this run.
        last_valid_us: When the last bit of the newest valid command arrived at the MCU.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.mcu = AvrMcu()
        self.host = HostSession()
        self.now_us = 0
        self.last_valid_us = 0
        self.period_us = PERIOD_US
        self.ttl_ms = rng.choice((150, 150, rng.randint(60, 150)))
        self.motion = rng.choice(_MOTIONS)
        self.history: list[PinChange] = []
        self._line_free_us = 0
        self.run(rng.randint(100_000, 200_000))

    def run(self, for_us: int) -> None:
        """Let time pass; the host hears what the MCU says."""
        self.now_us += for_us
        self.mcu.run_until(self.now_us)
        self.host.receive(self.mcu.transmit(), self.now_us * 1000)
        self.history += self.mcu.take_history()

    def put(self, data: bytes) -> int:
        """Put bytes on the line; returns when their last bit arrives."""
        self._line_free_us = max(self._line_free_us, self.now_us) + BYTE_US * len(data)
        self.mcu.receive(data)
        return self._line_free_us

    def make(self, command: Command) -> bytes:
        """The host's next frame, not sent yet."""
        made = self.host.command(command, self.ttl_ms, self.now_us * 1000)
        if made is None:
            raise EmulatorError("the host has not heard of a session")
        return made[1]

    def say(self, command: Command) -> None:
        """Send a valid command."""
        self.last_valid_us = self.put(self.make(command))

    def drive(self) -> None:
        """Arm, drive, and end at a random phase of the host's period and of the MCU's tick."""
        while self.mcu.state is McuState.DISARMED:
            self.say(Command.STOP)
            self.run(self.period_us)
        for _ in range(self.rng.randint(5, 12)):
            self.say(self.motion)
            self.run(self.period_us)
        if self.mcu.motors.off:
            raise EmulatorError("the emulated car does not drive")
        self.say(self.motion)
        self.run(self.rng.randint(BYTE_US * 19 + 500, self.period_us))

    def off_us(self, since_us: float) -> float:
        """When the motors went off for good: until now they are."""
        on = not self.mcu.motors.off
        last_on = max(
            (change.time_us for change in self.history if not change.motors.off), default=0.0
        )
        if on:
            return float("inf")
        off = [c.time_us for c in self.history if c.motors.off and c.time_us > last_on]
        return max(since_us, off[0] if off else 0.0)

    def recovers(self) -> bool:
        """Whether the car drives again once it is armed anew, and not before."""
        self.run(100_000)
        before = len(self.history)
        for _ in range(3):
            self.say(self.motion)
            self.run(self.period_us)
        if any(not change.motors.off for change in self.history[before:]):
            return False
        for _ in range(4):
            self.say(Command.STOP)
            self.run(self.period_us)
        for _ in range(3):
            self.say(self.motion)
            self.run(self.period_us)
        return not self.mcu.motors.off
