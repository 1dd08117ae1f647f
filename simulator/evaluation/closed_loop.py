"""Drive a world with the real loop, supervisor, pilot and protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.cycle import Sink
from controller.drive.loop import Loop
from controller.drive.statistics import Statistics
from controller.drive.supervisor import Supervisor, SupervisorSettings
from controller.model.pilot import Pilot, TflitePilot, find_model, forward_weight_of
from simulator.devices.lockstep import SimulatedCamera, TimedPilot, open_link
from simulator.evaluation.lane_keeping import LaneKeeper
from simulator.teacher.teacher import Teacher, TeacherPilot
from simulator.world.world import World

TEACHER = "teacher"
"""The name that stands for the teacher where a model is asked for."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a drive leaves behind.

    Attributes:
        keeper: Where the car was.
        statistics: The loop's own figures.
    """

    keeper: LaneKeeper
    statistics: Statistics


def find_pilot_model(name: str) -> Path | None:
    """The model file that a user's word means; None for the teacher.

    Raises:
        ModelError: If there is no such model.
    """
    return None if name == TEACHER else find_model(name)


def make_pilot(world: World, model: Path | None) -> Pilot:
    """A model's pilot, or the teacher's in a world."""
    if model is None:
        return TeacherPilot(world, Teacher(world.track))
    return TflitePilot(model)


def drive_world(
    world: World,
    pilot: Pilot,
    keep_going: Callable[[LaneKeeper], bool],
    sinks: Sequence[Sink] = (),
) -> Run:
    """Drive until told to stop.

    Args:
        world: A fresh one.
        pilot: Who drives; thinking takes the time that the world's configuration says.
        keep_going: Asked before every frame.
        sinks: For the loop, besides its statistics.

    Returns:
        Where the car was and what the loop measured.
    """
    keeper = LaneKeeper(world.track)
    world.watch(keeper)
    statistics = Statistics()
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = forward_weight_of(pilot)
    supervisor.arm()
    with open_link(world) as link, SimulatedCamera(world) as camera:
        loop = Loop(
            camera,
            TimedPilot(pilot, world),
            supervisor,
            link,
            world.clock,
            [statistics, *sinks],
            world.stopwatch_ns,
        )
        loop.run(lambda: keep_going(keeper))
    return Run(keeper, statistics)
