"""What a microcontroller in virtual time is, whoever emulates it."""

from __future__ import annotations

import abc
from typing import Self

from firmware_bridge.wire.commands import McuState, MotorOutputs


class Microcontroller(abc.ABC):
    """The car's microcontroller with its serial line, in a time that only its caller moves.

    Bytes take their time on the line, 10 bits each at 115200 baud. A context manager.
    """

    @abc.abstractmethod
    def receive(self, data: bytes) -> None:
        """Put bytes on the line to the MCU now; they arrive one after the other from now on."""

    @abc.abstractmethod
    def run_until(self, time_us: int) -> None:
        """Let time pass.

        Args:
            time_us: Time since this object was made, in µs; an earlier one than before is a no-op.
        """

    @abc.abstractmethod
    def transmit(self) -> bytes:
        """What the MCU has sent since this was last asked."""

    @property
    @abc.abstractmethod
    def time_us(self) -> int:
        """Time since this object was made, in µs."""

    @property
    @abc.abstractmethod
    def motors(self) -> MotorOutputs:
        """What the motor driver's pins say now."""

    @property
    @abc.abstractmethod
    def led(self) -> bool:
        """Whether the heartbeat LED is lit."""

    @property
    @abc.abstractmethod
    def state(self) -> McuState:
        """Where the firmware's state machine stands now."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Press the reset button: motors off, a new session, EEPROM kept, time goes on."""

    @abc.abstractmethod
    def set_estop(self, *, pressed: bool) -> None:
        """Press or release the emergency stop (released at first)."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free what it holds; nothing else may be called afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
