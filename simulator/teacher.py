"""The teacher: which command is right, told from where the car really is.

Pure pursuit (Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm",
CMU-RI-TR-92-01, 1992) for a car that can only go straight or turn in place: it looks at the point
of the lane's middle a fixed distance ahead and turns while that is too far off to one side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from controller.frames import REFERENCE_SHAPE, Pixels
from controller.pilot import Pilot, Probabilities
from firmware_bridge.commands import Command
from simulator.geometry import Pose
from simulator.tracks import Track
from simulator.world import World


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The rule's two numbers.

    Attributes:
        look_ahead_m: How far ahead on the lane's middle the teacher looks.
        turn_rad: Turns while that point's bearing is more than this.
    """

    look_ahead_m: float = 0.4
    turn_rad: float = math.radians(12.0)


class Teacher:
    """See the module's text."""

    def __init__(self, track: Track, config: TeacherConfig | None = None) -> None:
        """Know a track.

        Args:
            track: The one that is driven on.
            config: The rule's numbers.
        """
        self._track = track
        self.config = config or TeacherConfig()
        """The rule's numbers."""

    def bearing_rad(self, pose: Pose, along_m: float) -> float:
        """Bearing of the point to drive to, positive to the left.

        Args:
            pose: The car's.
            along_m: Where on the lap it is.
        """
        return pose.bearing_to(*self._track.centre.at(along_m + self.config.look_ahead_m))

    def command(self, pose: Pose, along_m: float) -> Command:
        """What to do at a pose; see `bearing_rad` for the arguments."""
        bearing = self.bearing_rad(pose, along_m)
        if abs(bearing) <= self.config.turn_rad:
            return Command.FORWARD
        return Command.LEFT if bearing > 0 else Command.RIGHT


class TeacherPilot(Pilot):
    """The teacher at the wheel: knows the world's truth and ignores the pictures."""

    def __init__(self, world: World, teacher: Teacher) -> None:
        """Sit in a world.

        Args:
            world: Whose newest picture is answered.
            teacher: Who answers.
        """
        self._world = world
        self._teacher = teacher
        self._probabilities: Probabilities = np.zeros(3, np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """See `controller.pilot.Pilot`."""
        return REFERENCE_SHAPE

    def fit(self, pixels: Pixels) -> Pixels:
        """See `controller.pilot.Pilot`; nothing is changed."""
        return pixels

    def infer(self) -> Probabilities:
        """See `controller.pilot.Pilot`."""
        shown = self._world.shown
        self._probabilities[:] = 0.0
        self._probabilities[self._teacher.command(shown.pose, shown.along_m)] = 1.0
        return self._probabilities
