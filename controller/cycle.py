"""What passes between the loop and everybody who watches it: decisions, and whole cycles."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

from controller.frames import Frame, Pixels
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.session import LinkHealth

FRESH_NS = 150_000_000
"""Age at which a frame is too old to act on (design, contract 3), in ns."""
STAGES = ("wait", "fit", "invoke", "decide", "send", "record")
"""What a cycle's `stages_ns` measure, in this order; ``record`` is what all sinks together took for
the cycle before, after its command had left."""


class State(enum.Enum):
    """Where the supervisor stands."""

    DISARMED = "disarmed"
    ARMED = "armed"
    DRIVING = "driving"
    STOPPED = "stopped"


class Reason(enum.Enum):
    """Why the car does not drive."""

    NONE = "driving"
    NOT_ARMED = "not armed"
    WAITING = "waiting for frame, link and microcontroller"
    STALE_FRAME = "newest frame too old"
    REPEATS = "camera repeats its pictures"
    BLIND = "camera sees nothing"
    LOW_RATE = "camera too slow"
    BAD_OUTPUT = "model output is not probabilities"
    UNSURE = "model unsure"
    LINK_DOWN = "link down"
    MISMATCH = "microcontroller does not do what it was told"
    MCU_TRIPPED = "microcontroller disarmed itself"
    MCU_LOCKED = "emergency stop or low battery"
    BOARD = "computer too hot or short of power"
    SHUTDOWN = "shutting down"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to send, and why.

    Attributes:
        command: The command.
        ttl_ms: Its time to live, 1 to 150 ms: 150 ms less the age of its frame.
        state: The supervisor's state after deciding.
        reason: Why it is STOP; `Reason.NONE` while driving.
        silent: Nothing is sent: this STOP would help to arm a microcontroller that must stay as it
            is, its motors off.
    """

    command: Command
    ttl_ms: int
    state: State
    reason: Reason
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Cycle:
    """One turn of the loop, as it is recorded and shown.

    Attributes:
        frame: When the frame was taken, with the pixels that the model saw, so that a queue of
            cycles holds no large pictures; None when none came in time.
        pixels: The frame as the model saw it, ``(H, W, 3) uint8`` RGB, a copy, read-only; None
            without one.
        probabilities: Forward, left, right, as the model gave them; None without a frame.
        decision: What was decided.
        sequence: Sequence number it was sent with; 0 if the link dropped it or it was silent.
        sent_ns: When the command had left, on the loop's clock.
        stages_ns: Real time spent in each of `STAGES`.
        health: The link as it was when it was decided.
    """

    frame: Frame | None
    pixels: Pixels | None
    probabilities: tuple[float, float, float] | None
    decision: Decision
    sequence: int
    sent_ns: int
    stages_ns: tuple[int, int, int, int, int, int]
    health: LinkHealth

    @property
    def shown_probabilities(self) -> list[float | None]:
        """For JSON, which has no NaN: None for what is no number; empty without a frame."""
        return [p if math.isfinite(p) else None for p in self.probabilities or ()]

    @property
    def age_ns(self) -> int:
        """Age of the frame when its command had left, in ns; 0 without a frame."""
        return 0 if self.frame is None else self.sent_ns - self.frame.capture_ns


Sink = Callable[[Cycle], None]
"""Sees every cycle, after its command has left: recorder, statistics, progress."""
