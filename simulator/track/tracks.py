"""Closed tracks: random ones from a seed, and a few with names.

Measures come from the photograph of the reference track (github.com/felipessalvatore/
self_driving_pi_car): with its sheets taken as 0.21 m wide the lane is 0.2 m to 0.6 m wide on one
and the same track, its bends have radii from 0.3 m, and a lap is some 8 m long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.errors import SimulatorUsageError
from simulator.exact import settle
from simulator.track.geometry import (
    ClosedLine,
    Points,
    Pose,
    Series,
    Station,
    rounded_polygon,
    smooth_closed,
)

SHEET_WIDTH_M = 0.21
"""Short side of an A4 sheet, ISO 216."""

SHEET_LENGTH_M = 0.297
"""Long side of an A4 sheet, ISO 216."""

RANDOM = "random"

PAPER, MAT = "paper", "mat"
"""What a lane is made of: strips of paper, or a road printed on a mat."""

GAP_SHARE = 0.1
"""How often sheets are missing on a random track."""

SHARPEST_RAD = math.radians(70)
"""Sharpest paper corner of a random track. In front of a strip that crosses the picture squarely no
single frame tells whether to turn left or right: that is for the named track "corner"."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing sheets: from ``start_m``, for ``length_m`` along the lane, on one side or both.

    Attributes:
        start_m: Where they begin, along the centre line.
        length_m: How long the gap is, along the centre line.
        sides: 1 for the left strip, -1 for the right one; both when both are missing.
    """

    start_m: float
    length_m: float
    sides: tuple[int, ...] = (1, -1)


@dataclass(frozen=True, slots=True)
class Track:
    """A lane between two strips of paper.

    Attributes:
        name: "random" or the name it was asked for by.
        seed: What its shape (random), its sheets' jitter and its floor come from.
        centre: The middle of the lane, in the direction of driving.
        half_widths_m: Half of the lane's width at each point of ``centre``.
        strip_width_m: How wide the strips of paper are.
        gaps: Where sheets are missing.
        corners_m: Corners of the middle of the lane where the strips meet in sharp corners
            instead of following bends; None where they follow.
    """

    name: str
    seed: int
    centre: ClosedLine
    half_widths_m: Series
    strip_width_m: float = SHEET_WIDTH_M
    gaps: tuple[Gap, ...] = ()
    corners_m: Points | None = None

    @property
    def surface(self) -> str:
        """`PAPER` or `MAT`."""
        return surface_of(self.name)

    @property
    def length_m(self) -> float:
        """Length of a lap along the middle of the lane."""
        return self.centre.length_m

    def half_width_at(self, along_m: float) -> float:
        """Half of the lane's width at a distance along it."""
        index = round((along_m % self.length_m) / self.centre.spacing_m) % len(self.centre)
        return float(self.half_widths_m[index])

    def locate(self, pose: Pose, near_along_m: float | None = None) -> Station:
        """Where a pose is on the track; see `ClosedLine.nearest`."""
        return self.centre.nearest(pose.x_m, pose.y_m, near_along_m)

    def pose_at(self, along_m: float, offset_m: float = 0.0, turn_rad: float = 0.0) -> Pose:
        """The pose at a distance along the lane, so far to its left, turned so far left."""
        x_m, y_m = self.centre.at(along_m)
        heading = self.centre.heading_at(along_m)
        return Pose(
            x_m - math.sin(heading) * offset_m,
            y_m + math.cos(heading) * offset_m,
            heading + turn_rad,
        )


def _line(corners_m: Points, radii_m: Series, smoothing_m: float = 0.06) -> ClosedLine:
    rough = ClosedLine(rounded_polygon(corners_m, radii_m))
    if smoothing_m <= 0:
        return rough
    return ClosedLine(smooth_closed(rough.points_m, smoothing_m / rough.spacing_m))


def _widths(line: ClosedLine, rng: np.random.Generator, mean_m: float, variation: float) -> Series:
    """Half widths that swell and shrink a few times a lap."""
    phase = line.along_m / line.length_m * math.tau
    wave = np.zeros(len(line))
    for cycles in (1, 2, 3, 5):
        wave += rng.normal(0.0, 1.0 / cycles) * np.sin(cycles * phase + rng.uniform(0, math.tau))
    wave /= max(1e-9, float(np.abs(wave).max()))
    return settle(mean_m * (1.0 + variation * wave))


def _clear(line: ClosedLine, reach_m: float) -> bool:
    """Whether parts of a line that do not follow each other stay ``reach_m`` apart."""
    points, along = line.points_m[::5], line.along_m[::5]
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    apart = np.abs(along[:, None] - along[None])
    apart = np.minimum(apart, line.length_m - apart)
    return bool(distance[apart > 1.6 * reach_m].min() > reach_m)


def _sharpest(corners_m: Points) -> float:
    """The largest angle by which a closed polygon turns at a corner, in rad."""
    edges = np.roll(corners_m, -1, axis=0) - corners_m
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = (headings - np.roll(headings, 1) + math.pi) % math.tau - math.pi
    return float(np.abs(turns).max())


def _random_gaps(rng: np.random.Generator, length_m: float) -> tuple[Gap, ...]:
    """One or two gaps in one strip or the other."""
    return tuple(
        Gap(float(rng.uniform(0, length_m)), float(rng.uniform(0.2, 0.6)), (side,))
        for side in rng.permutation((1, -1))[: rng.integers(1, 3)].tolist()
    )


def _random(seed: int, gap_share: float = GAP_SHARE) -> Track:
    rng = np.random.default_rng([seed, 1])
    strip_m = SHEET_WIDTH_M if rng.random() < 0.7 else float(rng.uniform(0.17, 0.297))
    sharp = bool(rng.random() < 0.1)
    mean_m, variation = float(rng.uniform(0.17, 0.25)), float(rng.uniform(0.0, 0.35))
    while True:
        count = int(rng.integers(5, 11))
        angles = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (math.tau / count)
        radii = rng.uniform(0.4, 1.15, count)
        size = rng.uniform((1.6, 1.4), (2.7, 2.2))
        corners = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] * size
        bends = np.full(count, 0.08) if sharp else rng.uniform(0.3, 0.8, count)
        if rng.random() < 0.5:
            corners, bends = corners[::-1], bends[::-1]
        line = _line(corners, bends, 0.05 if sharp else 0.06)
        half = _widths(line, rng, mean_m, 0.0 if sharp else variation)
        tightest_m = float(1 / np.abs(line.curvature_1pm).max())
        widest_m = 2 * (float(half.max()) + strip_m) + 0.05
        followable = _sharpest(corners) < SHARPEST_RAD if sharp else tightest_m > 0.27
        if followable and 6.0 < line.length_m < 14.0 and _clear(line, widest_m):
            gaps = _random_gaps(rng, line.length_m) if rng.random() < gap_share else ()
            return Track(RANDOM, seed, line, half, strip_m, gaps, corners if sharp else None)


def _oval(seed: int) -> Track:
    corners = np.array([[-1.6, -0.8], [1.6, -0.8], [1.6, 0.8], [-1.6, 0.8]])
    line = _line(corners, np.full(4, 0.8))
    return Track("oval", seed, line, np.full(len(line), 0.2))


def _hairpin(seed: int) -> Track:
    corners = np.array(
        [[-1.9, -1.1], [1.9, -1.1], [1.9, 1.1], [0.55, 1.1], [0.55, -0.05], [-0.45, -0.05],
         [-0.45, 1.1], [-1.9, 1.1]]
    )  # fmt: skip
    line = _line(corners, np.array([0.6, 0.6, 0.55, 0.55, 0.45, 0.45, 0.55, 0.6]))
    return Track("hairpin", seed, line, np.full(len(line), 0.19))


def _s_bends(seed: int) -> Track:
    corners = np.array(
        [[-2.2, -1.0], [-1.1, -1.0], [-0.55, -0.45], [0.55, -1.35], [1.1, -0.9], [2.2, -0.9],
         [2.2, 0.9], [-2.2, 0.9]]
    )  # fmt: skip
    line = _line(corners, np.array([0.6, 0.6, 0.5, 0.5, 0.6, 0.6, 0.8, 0.8]))
    return Track("s", seed, line, np.full(len(line), 0.2))


def _eight(seed: int) -> Track:
    corners = np.array([[-1.7, -1.3], [1.7, 1.3], [1.7, -1.3], [-1.7, 1.3]])
    line = _line(corners, np.full(4, 0.62))
    return Track("eight", seed, line, np.full(len(line), 0.2))


def _corner(seed: int) -> Track:
    corners = np.array([[-1.6, -1.2], [1.6, -1.2], [1.6, 0.2], [0.3, 0.2], [0.3, 1.2], [-1.6, 1.2]])
    line = _line(corners, np.full(6, 0.08), 0.05)
    return Track("corner", seed, line, np.full(len(line), 0.22), corners_m=corners)


def _gap(seed: int) -> Track:
    oval = _oval(seed)
    at_m = [
        float(oval.centre.along_m[int(np.argmin(np.hypot(*(oval.centre.points_m - place).T)))])
        for place in ((-0.2, -0.8), (0.5, 0.8))
    ]
    gaps = (Gap(at_m[0], 0.6, (-1,)), Gap(at_m[1], 0.45))
    return Track("gap", seed, oval.centre, oval.half_widths_m, gaps=gaps)


def _mat(seed: int) -> Track:
    """A printed road, by seed: bends that a car with steered wheels can drive."""
    rng = np.random.default_rng([seed, 1])
    half_m = float(rng.uniform(0.3, 0.38))
    while True:
        count = int(rng.integers(5, 8))
        angles = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (math.tau / count)
        places = np.column_stack([np.cos(angles), np.sin(angles)])
        corners = places * rng.uniform(0.55, 1.1, count)[:, None] * rng.uniform(2.2, 3.6, 2)
        line = _line(corners[:: rng.choice((1, -1))], rng.uniform(0.9, 1.5, count))
        if (
            float(1 / np.abs(line.curvature_1pm).max()) > 0.85
            and 9.0 < line.length_m < 20.0
            and _clear(line, 2 * half_m + 0.25)
        ):
            return Track(MAT, seed, line, np.full(len(line), half_m))


_PHOTOGRAPHED = np.array(
    [(-1.46, 0.10, 0.14), (-1.40, -0.12, 0.18), (-1.33, -0.21, 0.17), (-0.82, -0.39, 0.14),
     (-0.29, -0.33, 0.12), (0.11, -0.39, 0.18), (0.63, -0.40, 0.18), (0.82, -0.30, 0.17),
     (0.94, -0.09, 0.20), (1.03, 0.21, 0.21), (1.02, 0.40, 0.23), (0.74, 0.59, 0.20),
     (-0.08, 0.90, 0.14), (-0.48, 0.98, 0.13), (-0.81, 0.96, 0.10), (-1.15, 0.90, 0.10),
     (-1.36, 0.69, 0.14), (-1.46, 0.36, 0.12)]
)  # fmt: skip
"""Corners of the middle of the reference track's lane (x, y) and half of its width there, in m: its
strips' edges in the photograph, made level by the map that makes all strips 0.21 m wide."""


def _reference(seed: int) -> Track:
    """The track of the photograph, to 2 cm or so."""
    line = _line(_PHOTOGRAPHED[:, :2], np.full(len(_PHOTOGRAPHED), 0.15), 0.03)
    apart = np.hypot(*(line.points_m[:, None] - _PHOTOGRAPHED[None, :, :2]).transpose(2, 0, 1))
    weights = 1.0 / np.maximum(apart, 0.05) ** 2
    halves = (weights * _PHOTOGRAPHED[:, 2]).sum(axis=1) / weights.sum(axis=1)
    return Track("reference", seed, line, halves)


_NAMED: dict[str, Callable[[int], Track]] = {
    RANDOM: _random,
    "oval": _oval,
    "hairpin": _hairpin,
    "s": _s_bends,
    "eight": _eight,
    "corner": _corner,
    "gap": _gap,
    "reference": _reference,
    MAT: _mat,
}

TRACK_NAMES = tuple(_NAMED)


def surface_of(name: str) -> str:
    """What the lane of a named track is made of: `PAPER` or `MAT`."""
    return MAT if name == MAT else PAPER


def make_track(name: str, seed: int = 0, gap_share: float = GAP_SHARE) -> Track:
    """Make a track.

    Args:
        name: One of `TRACK_NAMES`; "random" and "mat" take their shape from the seed.
        seed: 0 or more; the same name and seed give the same track on every machine.
        gap_share: How often sheets are missing on a random one, 0 to 1; its shape stays the same.

    Raises:
        SimulatorUsageError: If there is no track of that name or the seed is negative.
    """
    if name not in _NAMED:
        raise SimulatorUsageError(f"no track named {name!r}; there are {', '.join(TRACK_NAMES)}")
    if seed < 0:
        raise SimulatorUsageError(f"a seed is 0 or more, not {seed}")
    return _random(seed, gap_share) if name == RANDOM else _NAMED[name](seed)
