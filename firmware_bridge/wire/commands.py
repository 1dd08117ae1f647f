"""The words that both ends of the serial line share: commands, states, and what a status says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Command(enum.IntEnum):
    """What the car is told to do.

    The first three values are the class indices of the data set and of every model's output;
    STOP is never a class. On the wire each has a code of its own, see ``firmware/protocol.h``.
    """

    FORWARD = 0
    LEFT = 1
    RIGHT = 2
    STOP = 3


class McuState(enum.IntEnum):
    """Where the microcontroller's own state machine stands."""

    DISARMED = 0
    """Motors off; obeys nothing but the STOPs that arm it."""
    ARMED = 1
    """Motors off; the next valid motion command is obeyed."""
    DRIVING = 2
    """Obeying a motion command whose time to live has not run out."""


class Trip(enum.IntEnum):
    """Why the microcontroller disarmed last."""

    NONE = 0
    RESET = 1
    SILENCE = 2
    TTL = 3
    VERSION = 4
    ESTOP = 5
    BATTERY = 6


@dataclass(frozen=True, slots=True)
class MotorOutputs:
    """What the motor driver's pins say.

    Attributes:
        left: Duty cycle of the left motor, -1.0 (full reverse) to 1.0 (full forward), 0.0 is off.
        right: The same for the right motor.
    """

    left: float
    right: float

    @property
    def off(self) -> bool:
        """Whether neither motor is driven."""
        return self.left == 0.0 and self.right == 0.0


@dataclass(frozen=True, slots=True)
class McuStatus:
    """One status frame as the microcontroller sent it.

    Attributes:
        version: Protocol version that the firmware speaks.
        session: 32-bit session; new at every boot and after every trip.
        sequence: Sequence number of the newest command accepted in this session, 0 for none.
        state: State of the firmware's own state machine.
        trip: Why it disarmed last.
        applied: Command whose motion the motor pins show now; STOP when they are off.
        motors: Motor outputs as read back from the pins.
        battery_mv: Battery voltage in mV, or None where no divider is fitted.
        uptime_ms: MCU time since boot, wraps at 2**32.
        reset_cause: The MCU's reset flags at boot (MCUSR on an ATmega328P).
        counters: Frames by fate since boot, each modulo 65536: ``accepted`` and the rejects
            ``crc``, ``length``, ``version``, ``session``, ``sequence``, ``command``, ``disarmed``.
    """

    version: int
    session: int
    sequence: int
    state: McuState
    trip: Trip
    applied: Command
    motors: MotorOutputs
    battery_mv: int | None
    uptime_ms: int
    reset_cause: int
    counters: dict[str, int]
