"""The understudies that rehearse a turn of the loop just before the next frame is due.

Between two frames other programs use the processor's caches, and the first run through the loop's
code after that costs ten times what the next one does (`python -m controller benchmark` measures
it). So the loop goes twice through a turn with the frame before, and is through 0.2 ms ahead of the
next one: the same code, but the model is not run and no command is sent, decided for good or
recorded.
"""

from __future__ import annotations

from typing import Self

from controller.loop import Cast
from controller.pilot import BorrowedPilot, Probabilities, TflitePilot, forward_weight_of
from controller.sight import FreezeDetector
from controller.supervisor import Supervisor, SupervisorSettings
from firmware_bridge.commands import Command
from firmware_bridge.link import Link, LinkHealth


class _IdlePilot(BorrowedPilot):
    """Fits pictures, and says what the real model said last."""

    def __init__(self, pilot: TflitePilot) -> None:
        super().__init__(pilot)
        self._output = pilot.output

    def infer(self) -> Probabilities:
        return self._output()


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


def understudies(pilot: TflitePilot, link: Link) -> Cast:
    """The cast of rehearsals for a drive.

    Args:
        pilot: The drive's.
        link: The drive's, open.
    """
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = forward_weight_of(pilot)
    supervisor.arm()
    return Cast(_IdlePilot(pilot), supervisor, _SilentLink(link), _Credulous())
