"""Lane keeping: how well a drive went, told from the world's truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_bridge.wire.commands import Command
from simulator.track.tracks import Track
from simulator.world.world import Snapshot

LEAST_SPEED_MPS = 0.1
"""Progress along the lane, over the whole drive, below which a car is dithering: the slowest
simulated car drives straight on at 0.2 m/s, and half of that is lost to turns at the most."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How well a car kept to its lane.

    Attributes:
        seconds: How long it drove, from its first motion.
        distance_m: How far it came along the lane; going back counts negative.
        laps: Laps completed.
        lap_times_s: Time of each of them.
        offset_mean_m: Mean distance from the middle of the lane.
        offset_p95_m: 95th percentile of it.
        offset_max_m: Largest.
        departures: How often the car's middle left the lane.
        departed_s: When it did so first, None if never.
        departed_m: How far it had come by then, None if it never left.
        changes_per_s: How often the motors' command changed.
    """

    seconds: float
    distance_m: float
    laps: int
    lap_times_s: tuple[float, ...]
    offset_mean_m: float
    offset_p95_m: float
    offset_max_m: float
    departures: int
    departed_s: float | None
    departed_m: float | None
    changes_per_s: float

    @property
    def kept(self) -> bool:
        """Whether it never left the lane and got on: a car that dithers in place has failed."""
        return self.departures == 0 and self.distance_m >= LEAST_SPEED_MPS * max(1.0, self.seconds)


class LaneKeeper:
    """Watches a world (`simulator.world.world.World.watch`) and keeps what it saw."""

    def __init__(self, track: Track) -> None:
        """Watch on a track.

        Args:
            track: The world's.
        """
        self._track = track
        self.trace: list[Snapshot] = []
        self.distance_m = 0.0
        """How far the car has come along the lane."""
        self.departed = False
        """Whether its middle has left the lane since the start."""

    def __call__(self, seen: Snapshot) -> None:
        """See `World.watch`."""
        if self.trace:
            length_m = self._track.length_m
            self.distance_m += math.remainder(seen.along_m - self.trace[-1].along_m, length_m)
        self.trace.append(seen)
        if abs(seen.offset_m) > seen.half_width_m:
            self.departed = True

    @property
    def laps(self) -> float:
        """Laps driven, with their fraction."""
        return self.distance_m / self._track.length_m

    def summary(self) -> Keeping:
        """How well it went until now."""
        moving = next((i for i, s in enumerate(self.trace) if s.motion is not Command.STOP), None)
        if moving is None:
            return Keeping(0.0, 0.0, 0, (), 0.0, 0.0, 0.0, 0, None, None, 0.0)
        trace = self.trace[moving:]
        times_s = np.array([seen.time_ns for seen in trace]) / 1e9
        times_s -= times_s[0]
        length_m = self._track.length_m
        along_m = np.unwrap([seen.along_m for seen in trace], period=length_m)
        along_m -= along_m[0]
        offsets_m = np.abs([seen.offset_m for seen in trace])
        outside = offsets_m > np.array([seen.half_width_m for seen in trace])
        left = np.flatnonzero(outside & ~np.concatenate([[False], outside[:-1]]))
        motions = np.array([int(seen.motion) for seen in trace])
        return Keeping(
            float(times_s[-1]),
            float(along_m[-1]),
            len(self._lap_times(along_m, times_s)),
            self._lap_times(along_m, times_s),
            float(offsets_m.mean()),
            float(np.percentile(offsets_m, 95)),
            float(offsets_m.max()),
            len(left),
            float(times_s[left[0]]) if len(left) else None,
            float(along_m[left[0]]) if len(left) else None,
            float((np.diff(motions) != 0).sum() / max(1e-9, times_s[-1])),
        )

    def _lap_times(
        self,
        along_m: np.ndarray[tuple[int], np.dtype[np.float64]],
        times_s: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> tuple[float, ...]:
        ends_s = [0.0]
        while True:
            beyond = np.flatnonzero(along_m >= len(ends_s) * self._track.length_m)
            if not len(beyond):
                return tuple(float(time) for time in np.diff(ends_s))
            ends_s.append(float(times_s[beyond[0]]))
