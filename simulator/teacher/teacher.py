"""The teacher: which command is right, told from where the car really is.

People's answers in the 40 labelled reference frames follow one rule: they go forward while the
floor straight ahead is free of paper, turn as soon as a strip lies across it at some 0.6 m, and
turn away from the strip that is in the way. Near a bend that alone turns too far: the inner strip
then lies across the way, and the car dithers between the two. So a turn that would find the other
strip even nearer is left for later. Nothing counts that a camera on the car cannot see.

Who turns early also comes close to the inner strip, which is out of view by then: that needs the
teacher's knowledge, which no net has. Who turns late, at some 0.4 m, keeps away from it. So labels
are those of drivers of both kinds: a net learns how likely a turn is, its likeliest answer is what
most people do, and a car turns only where all would (`controller.model.cards.Card.forward_weight`).

On the mat a middle line is printed: there the teacher steers towards a point of it (Coulter,
"Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01, 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from controller.frames import REFERENCE_SHAPE, Pixels
from controller.model.pilot import Pilot, Probabilities
from firmware_bridge.wire.commands import Command
from simulator.errors import SimulatorUsageError
from simulator.track.geometry import Pose
from simulator.track.tracks import MAT, Track
from simulator.world.world import World

NEAREST_M = 0.2
"""The picture's lower edge, from the axle: what is nearer is out of view."""

NARROWEST_M = 0.5
"""From here on the way is a line: a strip beside it, seen from afar, is no reason to turn."""

SIDE_RAD = math.radians(20.0)
"""How far to the side the teacher looks whether a turn would be better."""

MAT_AHEAD_M, MAT_TURN_RAD = 0.4, math.radians(12.0)
"""On the mat: how far ahead the point to steer to is, and the bearing beyond which to turn."""

_STEP_M = 0.02
_BEHIND_M, _BEYOND_M = 0.3, 0.6
"""How much of the lane behind the car, and beyond what it looks at, may be nearest to a point."""


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The rule's numbers.

    Attributes:
        clear_m: Goes forward while the way is free for this far, from the axle.
        late_m: What ``clear_m`` is for drivers who turn late.
        late_share: Share of the labels that are theirs, 0 to 1.
        least_m: Turns in any case where it is free for less than this.
        margin_m: Distance to keep from a strip beside the car.
    """

    clear_m: float = 0.7
    late_m: float = 0.42
    late_share: float = 0.35
    least_m: float = 0.3
    margin_m: float = 0.08

    def __post_init__(self) -> None:
        if not NEAREST_M <= self.least_m <= self.clear_m:
            raise SimulatorUsageError(
                f"the teacher looks {self.clear_m} m ahead and turns in any case at "
                f"{self.least_m} m: must be {NEAREST_M} m or more, the first at least the second"
            )


@dataclass(frozen=True, slots=True)
class Way:
    """What lies ahead.

    Attributes:
        clear_m: How far the way is free, from the axle; infinite where nothing is in the way.
        open_side: 1 if what is in the way is left by a turn to the left, -1 to the right; 0 where
            nothing is in the way.
    """

    clear_m: float
    open_side: int


FREE = Way(math.inf, 0)


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
        line, every = track.centre, 2
        self._points, self._normals = line.points_m[::every], line.normals[::every]
        self._halves = track.half_widths_m[::every]
        self._spacing_m = line.length_m / len(self._points)
        ahead = np.arange(NEAREST_M, self.config.clear_m + _STEP_M, _STEP_M)
        narrowing = np.clip((NARROWEST_M - ahead) / (NARROWEST_M - NEAREST_M), 0.0, 1.0)
        beside = self.config.margin_m * narrowing
        self._ahead_m = ahead
        self._ahead, self._left = np.tile(ahead, 3), np.concatenate([0 * ahead, beside, -beside])

    def way(self, pose: Pose, along_m: float) -> Way:
        """How far the way straight ahead is free.

        A way is three lines, the middle and two edges that meet it further ahead; it ends where
        the first of them leaves the lane. Missing sheets do not matter: the lane is still there.

        Args:
            pose: Where from, and which way.
            along_m: Where on the lap that is: of lanes that cross each other only the own counts.
        """
        cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
        x_m = pose.x_m + cos * self._ahead - sin * self._left
        y_m = pose.y_m + sin * self._ahead + cos * self._left
        place = along_m / self._spacing_m
        first = round(place - _BEHIND_M / self._spacing_m)
        last = round(place + (self.config.clear_m + _BEYOND_M) / self._spacing_m)
        rows = np.arange(first, last) % len(self._points)
        lane = self._points[rows]
        nearest = rows[
            ((x_m[:, None] - lane[:, 0]) ** 2 + (y_m[:, None] - lane[:, 1]) ** 2).argmin(1)
        ]
        delta_x, delta_y = x_m - self._points[nearest, 0], y_m - self._points[nearest, 1]
        offsets = delta_x * self._normals[nearest, 0] + delta_y * self._normals[nearest, 1]
        outside = (np.abs(offsets) > self._halves[nearest]).reshape(3, -1)
        if not outside.any():
            return FREE
        ends = np.where(outside.any(axis=1), outside.argmax(axis=1), len(self._ahead_m))
        edge = int(ends.argmin())
        end = int(ends[edge])
        return Way(float(self._ahead_m[end]), -1 if offsets.reshape(3, -1)[edge, end] > 0 else 1)

    def label(self, pose: Pose, along_m: float, rng: np.random.Generator) -> Command:
        """What one of many drivers would do; see the module's text."""
        late = rng.random() < self.config.late_share
        return self.command(pose, along_m, late=late)

    def command(self, pose: Pose, along_m: float, *, late: bool = True) -> Command:
        """What to do at a pose; see `way` for the arguments.

        Args:
            pose: Where from, and which way.
            along_m: Where on the lap that is.
            late: Turn late, as is safe in every lane, or early, as people did.
        """
        if self._track.surface == MAT:
            bearing_rad = pose.bearing_to(*self._track.centre.at(along_m + MAT_AHEAD_M))
            if abs(bearing_rad) <= MAT_TURN_RAD:
                return Command.FORWARD
            return Command.LEFT if bearing_rad > 0 else Command.RIGHT
        way = self.way(pose, along_m)
        if way.clear_m >= (self.config.late_m if late else self.config.clear_m):
            return Command.FORWARD
        if way.clear_m >= self.config.least_m:
            heading_rad = pose.heading_rad + way.open_side * SIDE_RAD
            turned = self.way(Pose(pose.x_m, pose.y_m, heading_rad), along_m)
            if turned.clear_m <= way.clear_m:
                return Command.FORWARD
        return Command.LEFT if way.open_side > 0 else Command.RIGHT


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
        """See `controller.model.pilot.Pilot`."""
        return REFERENCE_SHAPE

    def fit(self, pixels: Pixels) -> Pixels:
        """See `controller.model.pilot.Pilot`; nothing is changed."""
        return pixels

    def infer(self) -> Probabilities:
        """See `controller.model.pilot.Pilot`."""
        shown = self._world.shown
        self._probabilities[:] = 0.0
        self._probabilities[self._teacher.command(shown.pose, shown.along_m)] = 1.0
        return self._probabilities
