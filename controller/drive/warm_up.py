"""The understudies that rehearse a turn of the loop just before the next frame is due.

Between two frames other programs use the processor's caches, and the first run through the loop's
code after that costs ten times what the next one does (`python -m controller benchmark` measures
it). So the loop goes twice through a turn with the frame before, and is through 0.2 ms ahead of the
next one: the same code, but no command is sent, decided for good or recorded. The model is run in
the first of them where that takes next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from controller.drive.image_quality import FreezeDetector
from controller.drive.loop import LONGEST_REHEARSAL_NS, Cast
from controller.drive.supervisor import Supervisor, SupervisorSettings
from controller.model.pilot import BorrowedPilot, Probabilities, TflitePilot, forward_weight_of
from firmware_bridge.links.base import Link
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.session import LinkHealth

MODEL_SHARE = 1 / 64
"""Of the time between two frames, what the model may take to be run twice for each: 0.5 ms at
30 Hz. A desktop's models and the small ones on a Raspberry Pi 5 do; on others that time is not to
be had for a tenth of a millisecond."""
TRIALS = 3
"""Runs of the model to see whether it is quick: the first finds nothing ready, another may be held
up by other programs."""


class _Understudy(BorrowedPilot):
    """Fits pictures, and infers as it is told."""

    def __init__(self, pilot: TflitePilot, infer: Callable[[], Probabilities]) -> None:
        super().__init__(pilot)
        self._infer = infer

    def infer(self) -> Probabilities:
        return self._infer()


class _SilentLink(Link):
    """Knows what the real link knows, and commands nothing."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, command: Command, ttl_ms: int) -> int:
        self._link.rehearse(command, ttl_ms)
        return 0

    def health(self) -> LinkHealth:
        return self._link.health()


class _Credulous(FreezeDetector):
    """Compares pictures, and believes their times: in a rehearsal they are all the same."""

    def seen_ns(self, content: bytes, capture_ns: int) -> int:
        super().seen_ns(content, capture_ns)
        return capture_ns


def is_quick(
    pilot: TflitePilot, rate_hz: float, stopwatch: Callable[[], int] = time.perf_counter_ns
) -> bool:
    """Whether the model can be rehearsed too. Call it while nothing else of the process runs.

    Args:
        pilot: The drive's.
        rate_hz: Frames a second.
        stopwatch: Real ns.
    """
    limit_ns = min(MODEL_SHARE * 1e9 / rate_hz, LONGEST_REHEARSAL_NS / 2)
    for _ in range(TRIALS):
        start = stopwatch()
        pilot.invoke()
        if stopwatch() - start <= limit_ns:
            return True
    return False


def understudies(pilot: TflitePilot, link: Link, *, model: bool) -> tuple[Cast, Cast]:
    """The casts of the turns to rehearse, in their order.

    The first finds the caches cold, and leaves them less than warm.

    Args:
        pilot: The drive's.
        link: The drive's, open.
        model: Run the model in the first turn; see `is_quick`.
    """
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = forward_weight_of(pilot)
    supervisor.arm()
    idle = Cast(_Understudy(pilot, pilot.output), supervisor, _SilentLink(link), _Credulous())
    return (replace(idle, pilot=_Understudy(pilot, pilot.infer)) if model else idle), idle
