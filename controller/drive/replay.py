"""Drive through a recording again: what would this model have commanded?"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from controller.cameras.replay import ReplayCamera
from controller.clock import Clock, MonotonicClock, VirtualClock
from controller.cycle import Cycle, Reason, Sink, State
from controller.drive.loop import Loop
from controller.drive.supervisor import Supervisor, SupervisorSettings, choose
from controller.errors import ReplayError
from controller.model.pilot import Pilot, forward_weight_of
from controller.recording.sources import open_recording
from firmware_bridge.links.base import Link
from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.wire.session import LinkHealth

ANSWER_NS = 1_000_000_000
"""How long a replay waits for the microcontroller's answer, ns. A command lives for 150 ms of the
microcontroller's time; an emulated one on a busy machine may stand still meanwhile."""
ARM_NS = 2_000_000_000
"""How long arming may take, ns; it takes three STOPs."""
_OF_THE_LINE = (Reason.LINK_DOWN, Reason.MCU_TRIPPED, Reason.MISMATCH)
FINAL_NS = 300_000_000
"""How long after the last command the motors are watched, ns: twice the deadman's time."""


class NoLink(Link):
    """Nothing at the other end: a replay without a link judges the model alone."""

    def __init__(self) -> None:
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, command: Command, ttl_ms: int) -> int:
        """Count it; it goes nowhere."""
        self._sent += 1
        return self._sent

    def health(self) -> LinkHealth:
        """Always well: there is nothing that could not be."""
        return LinkHealth(
            connected=True,
            status=None,
            status_age_ns=0,
            sent=self._sent,
            dropped=0,
            mismatched=False,
        )


@dataclass(slots=True)
class ReplayReport:
    """What a replay found.

    Attributes:
        frames: Frames replayed.
        answered: Frames that led to a command; with a link, those that the microcontroller
            confirmed, pins and all.
        compared: Frames of which the recording says what was commanded.
        agreed: Those of them on which the model says the same.
        changes: Recorded command -> model's command, counted, where they differ.
        stopped: Frames on which the supervisor sent STOP instead of the model's choice.
        motors_off_ms: MCU time from its last accepted command until it said that the motors were
            off, ms; None without a link that tells.
    """

    frames: int = 0
    answered: int = 0
    compared: int = 0
    agreed: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    stopped: int = 0
    motors_off_ms: int | None = None
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def agreement(self) -> float | None:
        """Share of compared frames on which the model agrees, 0 to 1; None if none could be."""
        return self.agreed / self.compared if self.compared else None

    @property
    def commands_sha256(self) -> str:
        """SHA-256 of the model's commands, one byte a frame."""
        return str(self._digest.hexdigest())

    def count(self, chosen: Command, recorded: Command | None) -> None:
        """Count one frame: what the model chose, and what the recording says."""
        self.frames += 1
        self._digest.update(bytes([chosen]))
        if recorded is not None and recorded is not Command.STOP:
            self.compared += 1
            self.agreed += chosen is recorded
            if chosen is not recorded:
                self.changes[f"{recorded.name} -> {chosen.name}"] += 1


def replay(
    source: Path,
    pilot: Pilot,
    link: Link | None = None,
    *,
    speed: float = 1.0,
    limit: int | None = None,
    sinks: Sequence[Sink] = (),
    keep_going: Callable[[], bool] = lambda: True,
) -> ReplayReport:
    """Drive a model through a recording.

    Without a link this runs on the recording's own time, as fast as the machine goes, and gives
    the same commands every time. With one it keeps the recorded pace, since the other end does,
    waits for the answer to every command, and holds the recording while the line is down.

    Args:
        source: A drive, a tub or a frame set.
        pilot: The model.
        link: An open link, or None.
        speed: With a link: how many times faster than recorded.
        limit: Replay only so many frames; None for all.
        sinks: See every cycle too.
        keep_going: Asked before every frame.

    Raises:
        DriveError: If the source is no recording.
        ReplayError: If the microcontroller cannot be armed.
    """
    frames = itertools.islice(open_recording(source), limit)
    clock: Clock = VirtualClock() if link is None else MonotonicClock()
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = weight = forward_weight_of(pilot)
    supervisor.arm()
    hold = None if link is None else _Hold(link, supervisor)
    camera = ReplayCamera(frames, clock, speed, hold)
    answers = _Answers(camera, link, clock, weight)
    loop = Loop(camera, pilot, supervisor, link or NoLink(), clock, (answers, *sinks))
    if link is not None:
        arm(link, clock)
    loop.run(keep_going)
    answers.finish()
    return answers.report


def arm(link: Link, clock: Clock) -> None:
    """Send STOPs until the microcontroller is armed.

    Raises:
        ReplayError: If it is not within `ARM_NS`.
    """
    deadline_ns = clock.now_ns() + ARM_NS
    while clock.now_ns() < deadline_ns:
        link.send(Command.STOP, 150)
        clock.sleep_until(clock.now_ns() + 20_000_000)
        if _is_armed(link.health()):
            return
    status = link.health().status
    said = "says nothing" if status is None else f"is {status.state.name}, {status.trip.name}"
    raise ReplayError(f"the microcontroller {said}: it cannot be armed; is this the right device?")


class _Hold:
    """Says whether the line can carry the next frame, and arms again when it can once more.

    While it cannot, the loop sees silence and sends STOPs, which is what arms the microcontroller.
    """

    def __init__(self, link: Link, supervisor: Supervisor) -> None:
        self._link = link
        self._supervisor = supervisor

    def __call__(self) -> bool:
        if not _is_armed(self._link.health()):
            return False
        if self._supervisor.reason in _OF_THE_LINE:
            self._supervisor.arm()  # whoever replays is the owner
        return True


def _is_armed(health: LinkHealth) -> bool:
    return health.connected and (
        health.status is None or health.status.state is not McuState.DISARMED
    )


class _Answers:
    """A sink that compares with the recording and waits for the microcontroller's answers."""

    def __init__(
        self, camera: ReplayCamera, link: Link | None, clock: Clock, forward_weight: float
    ) -> None:
        self.report = ReplayReport()
        self._camera = camera
        self._link = link
        self._clock = clock
        self._driven_ms: int | None = None
        self._forward_weight = forward_weight

    def __call__(self, cycle: Cycle) -> None:
        recorded = self._camera.current
        if cycle.frame is None or cycle.probabilities is None or recorded is None:
            return
        chosen = choose(np.array(cycle.probabilities, np.float32), self._forward_weight)
        self.report.count(Command.STOP if chosen is None else chosen, recorded.command)
        self.report.stopped += cycle.decision.state is not State.DRIVING
        self.report.answered += self._answered(cycle)

    def finish(self) -> None:
        """Watch the motors after the last command."""
        if self._link is None or self._driven_ms is None:
            return
        deadline_ns = self._clock.now_ns() + FINAL_NS
        while self._clock.now_ns() < deadline_ns:
            status = self._link.health().status
            if status is not None and status.motors.off:
                self.report.motors_off_ms = (status.uptime_ms - self._driven_ms) % (1 << 32)
                return
            self._clock.sleep_until(self._clock.now_ns() + 1_000_000)

    def _answered(self, cycle: Cycle) -> bool:
        if self._link is None:
            return True
        deadline_ns = self._clock.now_ns() + ANSWER_NS
        while cycle.sequence and self._clock.now_ns() < deadline_ns:
            status = self._link.health().status
            if (
                status is not None
                and status.sequence == cycle.sequence
                and status.applied is cycle.decision.command
            ):
                if not status.motors.off:
                    self._driven_ms = status.uptime_ms
                return True
            self._clock.sleep_until(self._clock.now_ns() + 500_000)
        return False
