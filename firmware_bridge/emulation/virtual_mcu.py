"""The world around a firmware core in virtual time: a serial line, a millisecond tick, pins."""

from __future__ import annotations

import abc
from collections import deque

from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.wire.commands import McuState, MotorOutputs
from firmware_bridge.wire.protocol import BAUD, FULL_DUTY

BYTE_NS = 10 * 1_000_000_000 // BAUD
"""One byte on the line: start bit, eight data bits, stop bit."""
TICK_NS = 1_000_000
RESET_EXTERNAL = 0x02
"""EXTRF in the ATmega328P's MCUSR (data sheet DS40002061, 11.9.1)."""
RESET_POWER_ON = 0x01


class FirmwareCore(abc.ABC):
    """What a build of the firmware's core must offer to be run in virtual time.

    Attributes:
        left: Duty of the left motor, -255 to 255.
        right: Duty of the right motor, -255 to 255.
        led: Whether the heartbeat LED is lit.
        state: State of the state machine.
    """

    left: int
    right: int
    led: bool
    state: McuState

    @abc.abstractmethod
    def receive(self, byte: int) -> None:
        """Take one byte from the line."""

    @abc.abstractmethod
    def tick(self, now_ms: int, *, estop: bool, battery_mv: int) -> None:
        """Take the time since boot in ms, modulo 2**32, and the inputs."""

    @abc.abstractmethod
    def transmit(self, left: int, right: int) -> int:
        """Next byte to send, or -1; the duties are those read back from the pins."""


class VirtualMcu(Microcontroller):
    """A core, its line and its pins; subclasses say which core."""

    def __init__(self) -> None:
        self._epoch = 0
        self._now_ns = 0
        self._incoming: deque[int] = deque()
        self._arrives_ns = 0
        self._outgoing = bytearray()
        self._sending = -1
        self._sent_ns = 0
        self._estop = False
        self._battery_mv = 0xFFFF
        self._boot(RESET_POWER_ON)

    @abc.abstractmethod
    def _make_core(self, epoch: int, reset_cause: int) -> FirmwareCore:
        """A core as it is after its `epoch`-th boot."""

    def receive(self, data: bytes) -> None:
        """See `Microcontroller.receive`."""
        if data and not self._incoming:
            self._arrives_ns = max(self._arrives_ns, self._now_ns) + BYTE_NS
        self._incoming.extend(data)

    def run_until(self, time_us: int) -> None:
        """See `Microcontroller.run_until`."""
        end_ns = time_us * 1000
        while True:
            next_ns = self._tick_ns
            if self._incoming and self._arrives_ns < next_ns:
                next_ns = self._arrives_ns
            if self._sending >= 0 and self._sent_ns < next_ns:
                next_ns = self._sent_ns
            if next_ns > end_ns:
                break
            self._now_ns = next_ns
            self._step()
        self._now_ns = max(self._now_ns, end_ns)

    def transmit(self) -> bytes:
        """See `Microcontroller.transmit`."""
        sent = bytes(self._outgoing)
        self._outgoing.clear()
        return sent

    @property
    def time_us(self) -> int:
        """See `Microcontroller.time_us`."""
        return self._now_ns // 1000

    @property
    def motors(self) -> MotorOutputs:
        """See `Microcontroller.motors`."""
        return MotorOutputs(self._core.left / FULL_DUTY, self._core.right / FULL_DUTY)

    @property
    def led(self) -> bool:
        """See `Microcontroller.led`."""
        return self._core.led

    @property
    def state(self) -> McuState:
        """See `Microcontroller.state`."""
        return self._core.state

    def reset(self) -> None:
        """See `Microcontroller.reset`."""
        self._boot(RESET_EXTERNAL)

    def set_estop(self, *, pressed: bool) -> None:
        """See `Microcontroller.set_estop`."""
        self._estop = pressed

    def set_battery_mv(self, battery_mv: int | None) -> None:
        """Fit a battery of this voltage, or (None) no divider."""
        self._battery_mv = 0xFFFF if battery_mv is None else battery_mv

    def close(self) -> None:
        """See `Microcontroller.close`."""

    def _boot(self, reset_cause: int) -> None:
        self._epoch += 1
        self._core = self._make_core(self._epoch, reset_cause)
        self._boot_ns = self._now_ns
        self._tick_ns = self._now_ns + TICK_NS
        self._sending = -1

    def _step(self) -> None:
        core = self._core
        if self._now_ns == self._tick_ns:
            uptime_ms = (self._now_ns - self._boot_ns) // TICK_NS & 0xFFFFFFFF
            core.tick(uptime_ms, estop=self._estop, battery_mv=self._battery_mv)
            self._tick_ns += TICK_NS
        if self._incoming and self._now_ns == self._arrives_ns:
            core.receive(self._incoming.popleft())
            self._arrives_ns += BYTE_NS if self._incoming else 0
        if self._sending >= 0 and self._now_ns == self._sent_ns:
            self._outgoing.append(self._sending)
            self._sending = -1
        if self._sending < 0:
            self._sending = core.transmit(core.left, core.right)
            self._sent_ns = self._now_ns + BYTE_NS
