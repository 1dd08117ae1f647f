"""A car on the bench: a camera that plays a script, a pilot that obeys it, a real protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from controller.cameras.base import Camera
from controller.cameras.pattern import made_up_picture
from controller.clock import VirtualClock
from controller.cycle import Cycle
from controller.drive.loop import Loop
from controller.drive.supervisor import Supervisor, SupervisorSettings
from controller.errors import EndOfFrames
from controller.frames import Frame
from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.links.lockstep import LockstepLink
from firmware_bridge.wire.commands import Command

PERIOD_NS = 50_000_000
SHAPE = (45, 80)


@dataclass
class Shot:
    """One frame of a script: how long after the last it comes, how old it is, what the model says.

    `probabilities` may be an exception, which the model then raises.
    """

    probabilities: tuple[float, float, float] | Exception = (1.0, 0.0, 0.0)
    gap_ns: int = PERIOD_NS
    age_ns: int = 5_000_000
    pixels: np.ndarray | None = None


class ScriptedCamera(Camera):
    """Plays shots on a virtual clock and lets the microcontroller live through that time."""

    def __init__(self, shots, clock, mcu):
        self._shots = list(shots)
        self._clock = clock
        self._mcu = mcu
        self._due_ns = PERIOD_NS
        self._sequence = 0
        self.current: Shot | None = None

    def _picture(self):
        return made_up_picture(self._sequence, *SHAPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def _go(self, time_ns):
        self._mcu.run_until(time_ns // 1000)
        self._clock.advance_to(time_ns)

    def read(self, timeout_ms):
        if not self._shots:
            raise EndOfFrames("the script is over")
        deadline_ns = self._clock.now_ns() + round(timeout_ms * 1e6)
        if self._due_ns > deadline_ns:
            self._go(deadline_ns)
            return None
        self._go(self._due_ns)
        self.current = self._shots.pop(0)
        frame = Frame(
            self.current.pixels if self.current.pixels is not None else self._picture(),
            self._sequence,
            self._due_ns - self.current.age_ns,
        )
        self._sequence += 1
        self._due_ns += self._shots[0].gap_ns if self._shots else 0
        return frame


@dataclass
class ScriptedPilot:
    camera: ScriptedCamera
    shape: tuple[int, int] = SHAPE
    invoked: int = 0

    def fit(self, pixels):
        return pixels

    def invoke(self):
        self.invoked += 1

    def infer(self):
        self.invoke()
        answer = self.camera.current.probabilities
        if isinstance(answer, Exception):
            raise answer
        return np.array(answer, np.float32)

    def output(self):
        return np.array((1.0, 0.0, 0.0), np.float32)


@dataclass
class Bench:
    """Everything of one scripted drive; `run` drives it to its end."""

    shots: list[Shot]
    armed: bool = True
    rearm: bool = False
    cycles: list[Cycle] = field(default_factory=list)

    def __post_init__(self):
        self.clock = VirtualClock()
        self.mcu = open_microcontroller("python")
        self.supervisor = Supervisor(SupervisorSettings(arm_at_start=self.rearm))
        self.camera = ScriptedCamera(self.shots, self.clock, self.mcu)
        self.link = LockstepLink(self.mcu.receive, self.mcu.transmit, self.clock)
        self.motors_by_cycle = []
        self.camera_pilot = ScriptedPilot(self.camera)

    def run(self, *sinks, keep_going=lambda: True, **options):
        if self.armed:
            self.supervisor.arm()
        loop = Loop(
            self.camera,
            self.camera_pilot,
            self.supervisor,
            self.link,
            self.clock,
            (self._see, *sinks),
            **options,
        )
        with self.link:
            loop.run(keep_going)
        return self

    def _see(self, cycle):
        self.cycles.append(cycle)
        self.pass_time(10_000_000)
        self.motors_by_cycle.append(self.mcu.motors)

    def pass_time(self, by_ns):
        time_ns = self.clock.now_ns() + by_ns
        self.mcu.run_until(time_ns // 1000)
        self.clock.advance_to(time_ns)

    @property
    def commands(self):
        return [cycle.decision.command for cycle in self.cycles]


@pytest.fixture
def bench():
    return Bench


@pytest.fixture
def shot():
    return Shot


@pytest.fixture
def left_shot():
    return Shot((0.1, 0.8, 0.1))


@pytest.fixture
def stop():
    return Command.STOP
