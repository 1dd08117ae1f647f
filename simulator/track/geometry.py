"""Plane geometry: poses, and closed lines that know their length, heading and nearest point.

Axes: x and y in metres on the floor, seen from above with y up; angles in radians,
counter-clockwise from the x axis. An offset from a line is positive to the left of its direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.exact import settle

Points = npt.NDArray[np.float64]
"""``(N, 2) float64``: x and y in metres."""

Series = npt.NDArray[np.float64]
"""``(N,) float64``: one value for each point of a line."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something stands on the floor: metres, and radians counter-clockwise from x."""

    x_m: float
    y_m: float
    heading_rad: float

    def ahead(self, forward_m: float, left_m: float = 0.0) -> tuple[float, float]:
        """The point so far ahead and to the left, in metres on the floor."""
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        return (
            self.x_m + cos * forward_m - sin * left_m,
            self.y_m + sin * forward_m + cos * left_m,
        )

    def bearing_to(self, x_m: float, y_m: float) -> float:
        """Angle from straight ahead to a point: -pi to pi, positive to the left."""
        return wrap_angle(math.atan2(y_m - self.y_m, x_m - self.x_m) - self.heading_rad)


@dataclass(frozen=True, slots=True)
class Station:
    """The point of a line nearest to something.

    Attributes:
        along_m: Distance from the line's start along it, 0 to its length.
        offset_m: How far to the left of the line (negative: right).
        heading_rad: Direction of the line there.
    """

    along_m: float
    offset_m: float
    heading_rad: float


def wrap_angle(angle_rad: float) -> float:
    """The same angle within -pi to pi."""
    return math.remainder(angle_rad, math.tau)


class ClosedLine:
    """A closed line through points at equal distances; the last is joined to the first."""

    def __init__(self, points_m: Points, spacing_m: float = 0.01) -> None:
        """Resample a closed polygon.

        Args:
            points_m: ``(N, 2)`` corners, N >= 3; the first is not repeated at the end.
            spacing_m: Distance wanted between points; it is rounded so that they close.

        Raises:
            ValueError: If there are fewer than three points or the line has no length.
        """
        if points_m.ndim != 2 or points_m.shape[1] != 2 or len(points_m) < 3:
            raise ValueError(f"a closed line takes (N >= 3, 2) points, not {points_m.shape}")
        closed = np.vstack([points_m, points_m[:1]])
        lengths = np.hypot(*np.diff(closed, axis=0).T)
        total = float(lengths.sum())
        if not total > 0:
            raise ValueError("a closed line needs a length")
        count = max(3, round(total / spacing_m))
        stations = np.concatenate([[0.0], np.cumsum(lengths)])
        at = np.arange(count) * (total / count)
        self.points_m: Points = settle(
            np.column_stack([np.interp(at, stations, closed[:, i]) for i in (0, 1)])
        )
        steps = np.roll(self.points_m, -1, axis=0) - self.points_m
        self._steps_m = np.hypot(steps[:, 0], steps[:, 1])
        self.along_m: Series = settle(np.concatenate([[0.0], np.cumsum(self._steps_m)[:-1]]))
        self.length_m = float(settle(self._steps_m.sum()))
        centred = np.roll(self.points_m, -1, axis=0) - np.roll(self.points_m, 1, axis=0)
        self.headings_rad: Series = settle(np.unwrap(np.arctan2(centred[:, 1], centred[:, 0])))

    def __len__(self) -> int:
        return len(self.points_m)

    @property
    def spacing_m(self) -> float:
        """Mean distance between neighbouring points."""
        return self.length_m / len(self)

    @property
    def normals(self) -> Points:
        """``(N, 2)`` unit vectors to the left of the line."""
        return np.column_stack([-np.sin(self.headings_rad), np.cos(self.headings_rad)])

    @property
    def curvature_1pm(self) -> Series:
        """Curvature at each point in 1/m, positive in a bend to the left."""
        ahead = np.roll(self.headings_rad, -1)
        ahead[-1] += round((self.headings_rad[-1] - ahead[-1]) / math.tau) * math.tau
        behind = np.roll(self.headings_rad, 1)
        behind[0] += round((self.headings_rad[0] - behind[0]) / math.tau) * math.tau
        return (ahead - behind) / (2 * self.spacing_m)

    def at(self, along_m: float) -> tuple[float, float]:
        """The point at a distance along the line; distances wrap round."""
        place = (along_m % self.length_m) / self.spacing_m
        index = int(place)
        part = place - index
        first = self.points_m[index % len(self)]
        second = self.points_m[(index + 1) % len(self)]
        return (
            float(first[0] + part * (second[0] - first[0])),
            float(first[1] + part * (second[1] - first[1])),
        )

    def heading_at(self, along_m: float) -> float:
        """Direction of the line at a distance along it, -pi to pi."""
        index = round((along_m % self.length_m) / self.spacing_m) % len(self)
        return wrap_angle(float(self.headings_rad[index]))

    def nearest(
        self, x_m: float, y_m: float, near_along_m: float | None = None, reach_m: float = 0.5
    ) -> Station:
        """The nearest point of the line.

        Args:
            x_m: The point's x.
            y_m: The point's y.
            near_along_m: Search only within ``reach_m`` of this distance along the line: where a
                line crosses or nearly touches itself, the place that one came from decides.
            reach_m: How far along the line to search on either side.
        """
        size = len(self)
        if near_along_m is None:
            rows = np.arange(size)
        else:
            middle = round((near_along_m % self.length_m) / self.spacing_m)
            reach = min(size // 2, math.ceil(reach_m / self.spacing_m))
            rows = np.arange(middle - reach, middle + reach + 1) % size
        delta = self.points_m[rows] - (x_m, y_m)
        best = int(rows[int(np.argmin(delta[:, 0] ** 2 + delta[:, 1] ** 2))])
        heading = float(self.headings_rad[best])
        cos, sin = math.cos(heading), math.sin(heading)
        dx, dy = x_m - float(self.points_m[best, 0]), y_m - float(self.points_m[best, 1])
        along = (float(self.along_m[best]) + cos * dx + sin * dy) % self.length_m
        return Station(along, cos * dy - sin * dx, wrap_angle(heading))


def rounded_polygon(corners_m: Points, radii_m: Series, step_rad: float = 0.05) -> Points:
    """A polygon whose corners are replaced by arcs that touch both of their edges.

    Args:
        corners_m: ``(N, 2)`` corners in order, closed.
        radii_m: ``(N,)`` radius wanted at each corner; cut down where the edges are too short
            for it, so that arcs never meet.
        step_rad: Angle between neighbouring points of an arc.

    Returns:
        ``(M, 2)`` points of the closed outline.
    """
    before, after = np.roll(corners_m, 1, axis=0), np.roll(corners_m, -1, axis=0)
    outline: list[npt.NDArray[np.float64]] = []
    for corner, previous, following, radius in zip(corners_m, before, after, radii_m, strict=True):
        incoming, outgoing = corner - previous, following - corner
        length_in, length_out = float(np.hypot(*incoming)), float(np.hypot(*outgoing))
        incoming, outgoing = incoming / length_in, outgoing / length_out
        turn = math.atan2(
            incoming[0] * outgoing[1] - incoming[1] * outgoing[0], float(incoming @ outgoing)
        )
        if abs(turn) < 1e-6:
            outline.append(corner[None])
            continue
        tangent = min(float(radius) * math.tan(abs(turn) / 2), 0.5 * length_in, 0.5 * length_out)
        real_radius = tangent / math.tan(abs(turn) / 2)
        side = math.copysign(1.0, turn)
        centre = corner - incoming * tangent
        centre = centre + side * real_radius * np.array([-incoming[1], incoming[0]])
        start = math.atan2(incoming[1], incoming[0]) - side * math.pi / 2
        angles = start + np.linspace(0.0, turn, max(2, math.ceil(abs(turn) / step_rad) + 1))
        outline.append(centre + real_radius * np.column_stack([np.cos(angles), np.sin(angles)]))
    return np.vstack(outline)


def mitred_polygon(corners_m: Points, offset_m: float) -> Points:
    """A closed polygon moved to its left, its corners kept sharp.

    Args:
        corners_m: ``(N, 2)`` corners in order.
        offset_m: How far to the left of its direction; negative is to the right.
    """
    incoming = corners_m - np.roll(corners_m, 1, axis=0)
    incoming /= np.hypot(incoming[:, 0], incoming[:, 1])[:, None]
    outgoing = np.roll(incoming, -1, axis=0)
    left_in = np.column_stack([-incoming[:, 1], incoming[:, 0]])
    left_out = np.column_stack([-outgoing[:, 1], outgoing[:, 0]])
    cosine = (left_in * left_out).sum(axis=1, keepdims=True)
    moved: Points = corners_m + offset_m * (left_in + left_out) / (1.0 + cosine)
    return moved


def smooth_closed(values: Points, sigma: float) -> Points:
    """A Gaussian mean round a closed series of rows, ``sigma`` in rows."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([values[-reach:], values, values[:reach]])
    return np.column_stack(
        [np.convolve(padded[:, i], kernel, mode="valid") for i in range(values.shape[1])]
    )
