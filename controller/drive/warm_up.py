"""The warm-up: a pass through the loop just before the next frame is due, that sends nothing.

Between two frames other programs use the processor's caches, and the first run through the loop's
code after that costs ten times what the next one does (`python -m controller benchmark` measures
it). So the loop goes twice through its code with the frame before, and is through 0.2 ms ahead of
the next one: the same code, but no command is sent, decided for good or recorded. The model is run
in the first of them where that takes next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from controller.drive.freeze import FreezeDetector
from controller.drive.loop import LONGEST_WARM_UP_NS, Pipeline
from controller.drive.supervisor import Supervisor, SupervisorSettings
from controller.frames import Frame
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


class _WarmUpPilot(BorrowedPilot):
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
        self._link.warm_up(command, ttl_ms)
        return 0

    def health(self) -> LinkHealth:
        return self._link.health()


class _TimesBelieved(FreezeDetector):
    """Compares pictures, and believes their times: in a warm-up they are all the same."""

    def look(self, content: bytes, frame: Frame) -> tuple[int, int]:
        super().look(content, frame)
        return frame.capture_ns, frame.capture_ns


def is_quick(
    pilot: TflitePilot, rate_hz: float, stopwatch: Callable[[], int] = time.perf_counter_ns
) -> bool:
    """Whether the model can be warmed up too. Call it while nothing else of the process runs.

    Args:
        pilot: The drive's.
        rate_hz: Frames a second.
        stopwatch: Real ns.
    """
    limit_ns = min(MODEL_SHARE * 1e9 / rate_hz, LONGEST_WARM_UP_NS / 2)
    for _ in range(TRIALS):
        start = stopwatch()
        pilot.invoke()
        if stopwatch() - start <= limit_ns:
            return True
    return False


def warm_up_pipelines(pilot: TflitePilot, link: Link, *, model: bool) -> tuple[Pipeline, Pipeline]:
    """The pipelines to warm up with, in their order.

    The first finds the caches cold, and leaves them less than warm.

    Args:
        pilot: The drive's.
        link: The drive's, open.
        model: Run the model in the first turn; see `is_quick`.
    """
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = forward_weight_of(pilot)
    supervisor.arm()
    idle = Pipeline(
        _WarmUpPilot(pilot, pilot.output), supervisor, _SilentLink(link), _TimesBelieved()
    )
    return (replace(idle, pilot=_WarmUpPilot(pilot, pilot.infer)) if model else idle), idle
