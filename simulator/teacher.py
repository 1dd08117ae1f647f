"""The teacher: which command is right, told from where the car really is.

Pure pursuit (Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm",
CMU-RI-TR-92-01, 1992) for a car that can only go straight or turn in place: it looks at the point
of a line a fixed distance ahead and turns while that is too far off to one side.

The line is the lane's middle where the lane is straight. In a bend only the outer strip is in the
picture, and lanes differ in width threefold: how far the inner strip is, which lies beside the car
by then, nobody can tell from one frame. What can be told is how far the outer strip is, so that is
what the teacher goes by: it keeps a fixed distance from it, and turns late, as people do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from controller.frames import REFERENCE_SHAPE, Pixels
from controller.pilot import Pilot, Probabilities
from firmware_bridge.commands import Command
from simulator.geometry import Points, Pose, smooth_closed
from simulator.tracks import MAT, Track
from simulator.world import World


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The rule's two numbers.

    Attributes:
        look_ahead_m: How far ahead on the lane's middle the teacher looks.
        turn_rad: Turns while that point's bearing is more than this.
        outer_m: Distance to keep from the outer strip in a bend; the lane's middle where that is
            nearer. Large: always the middle.
        bend_1pm: Curvature from which on a bend is one, 1/m.
    """

    look_ahead_m: float = 0.4
    turn_rad: float = math.radians(12.0)
    outer_m: float = 0.12
    bend_1pm: float = 1.2


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
        self._line_m = self._make_line()

    def _make_line(self) -> Points:
        """The line to drive, a point for each of the track's middle."""
        line, config = self._track.centre, self.config
        if self._track.surface == MAT:  # its middle is printed on it
            return line.points_m
        curvature = smooth_closed(line.curvature_1pm[:, None], 0.12 / line.spacing_m)[:, 0]
        bend = np.clip(curvature / config.bend_1pm, -1.0, 1.0)
        outwards_m = -bend * np.maximum(0.0, self._track.half_widths_m - config.outer_m)
        outwards_m = smooth_closed(outwards_m[:, None], 0.10 / line.spacing_m)
        return line.points_m + outwards_m * line.normals

    def bearing_rad(self, pose: Pose, along_m: float) -> float:
        """Bearing of the point to drive to, positive to the left.

        Args:
            pose: The car's.
            along_m: Where on the lap it is.
        """
        line = self._track.centre
        place = ((along_m + self.config.look_ahead_m) % line.length_m) / line.spacing_m
        x_m, y_m = self._line_m[round(place) % len(line)].tolist()
        return pose.bearing_to(x_m, y_m)

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
