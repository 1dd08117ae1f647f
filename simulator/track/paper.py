"""Sheets of paper: where each one lies when somebody has laid a lane by hand."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.track.geometry import Points, mitred_polygon, smooth_closed
from simulator.track.tracks import SHEET_LENGTH_M, Track

_OVERLAP = 10
"""Points of a lane's middle, 1 cm apart, by which a closed strip laps over its own start."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of paper on the floor.

    Attributes:
        corners_m: ``(4, 2)`` corners in order.
        shade: Its brightness against the others, about 1.
    """

    corners_m: Points
    shade: float


@dataclass(frozen=True, slots=True)
class Laying:
    """How carefully the sheets were laid (standard deviations).

    Attributes:
        sideways_m: Of a sheet's middle across the strip.
        gap_m: Of the place where a sheet begins against where its neighbour ends.
        turn_rad: Of a sheet's direction against the strip's.
        shade: Of a sheet's brightness.
    """

    sideways_m: float = 0.006
    gap_m: float = 0.006
    turn_rad: float = 0.02
    shade: float = 0.012


def _strip_middle(track: Track, side: int) -> tuple[Points, npt.NDArray[np.bool_]]:
    """The middle of one strip beside each point of the centre line, and which of them count.

    A point does not count where paper there would lie in the lane itself (inside a sharp corner,
    at a crossing, beside a neighbouring lane) or where sheets are missing.
    """
    line = track.centre
    reach = track.half_widths_m + track.strip_width_m / 2
    middle = line.points_m + side * line.normals * reach[:, None]
    middle = smooth_closed(middle, 0.03 / line.spacing_m)
    valid = np.ones(len(line), np.bool_)
    coarse, halves = line.points_m[::3], track.half_widths_m[::3]
    for start in range(0, len(line), 200):
        part = middle[start : start + 200]
        distance = np.hypot(*(part[:, None] - coarse[None]).transpose(2, 0, 1))
        clear = distance > halves[None] + track.strip_width_m / 2 - 0.02
        valid[start : start + 200] &= clear.all(axis=1)
    for gap in track.gaps:
        if side in gap.sides:
            valid &= (line.along_m - gap.start_m) % line.length_m >= gap.length_m
    return middle, valid


def split_runs(middle: Points, valid: npt.NDArray[np.bool_]) -> list[Points]:
    """The strip in pieces that can be walked along without a jump.

    Args:
        middle: ``(N, 2)`` places along the whole strip, closed.
        valid: ``(N,) bool``: which of them count.
    """
    if not valid.any():
        return []
    first = 0 if valid.all() else int(np.flatnonzero(~valid)[0])
    order = np.roll(np.arange(len(valid)), -first)
    kept = middle[order[valid[order]]]
    if valid.all():
        # Round and a little further: the last sheet lies over the first, and no wedge stays open.
        kept = np.vstack([kept, kept[:_OVERLAP]])
    jumps = np.flatnonzero(np.hypot(*np.diff(kept, axis=0).T) > 0.06) + 1
    return [run for run in np.split(kept, jumps) if len(run) > 3]


def _edges(track: Track, corners_m: Points, side: int) -> list[Points]:
    """The strip of a lane with sharp corners: straight pieces that lie across each other there."""
    reach_m = float(track.half_widths_m.mean()) + track.strip_width_m / 2
    corners = mitred_polygon(corners_m, side * reach_m)
    edges = []
    for first, second in itertools.pairwise([*corners, corners[0]]):
        length_m = float(np.hypot(*(second - first)))
        over = track.strip_width_m / 2 / length_m
        places = np.linspace(-over, 1.0 + over, math.ceil(length_m / 0.01))
        edges.append(first + places[:, None] * (second - first))
    return edges


def lay_run(run: Points, width_m: float, laying: Laying, rng: np.random.Generator) -> list[Sheet]:
    """Lay one strip.

    Args:
        run: ``(N, 2)`` places along its middle.
        width_m: Of the strip.
        laying: How carefully.
        rng: Where the jitter comes from.
    """
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(run, axis=0).T))])
    sheets: list[Sheet] = []
    place = 0.0
    # The last sheet ends with the run, over its neighbour if need be.
    last = max(0.0, float(along[-1]) - SHEET_LENGTH_M)
    more = True
    while more:
        more = place < last
        place = min(place, last)
        half = SHEET_LENGTH_M / 2
        here, ahead = (
            np.array([np.interp(at, along, run[:, i]) for i in (0, 1)])
            for at in (place, min(place + 2 * half, along[-1]))
        )
        chord = ahead - here
        heading = math.atan2(chord[1], chord[0]) + rng.normal(0.0, laying.turn_rad)
        centre = (here + ahead) / 2
        forward = np.array([math.cos(heading), math.sin(heading)])
        left = np.array([-forward[1], forward[0]])
        centre = centre + left * rng.normal(0.0, laying.sideways_m)
        corners = [centre + forward * f * half + left * s * width_m / 2
                   for f, s in ((1, 1), (1, -1), (-1, -1), (-1, 1))]  # fmt: skip
        sheets.append(Sheet(np.array(corners), 1.0 + float(rng.normal(0.0, laying.shade))))
        # In a bend the outer corners open like a fan unless the next sheet overlaps this one.
        further = min(place + 3 * half, along[-1])
        later = np.array([np.interp(further, along, run[:, i]) for i in (0, 1)])
        turn = math.atan2(later[1] - ahead[1], later[0] - ahead[0]) - heading
        bend = abs(math.remainder(turn, math.tau)) if further > place + 2 * half else 0.0
        step = SHEET_LENGTH_M - min(0.6, bend) * width_m / 2 + rng.normal(-0.004, laying.gap_m)
        place += max(0.1, step)
    return sheets


def lay_sheets(track: Track, laying: Laying, rng: np.random.Generator) -> list[Sheet]:
    """Lay both strips of a track, sheet after sheet.

    Returns:
        The sheets in the order in which they were laid: a later one covers an earlier one.
    """
    sheets: list[Sheet] = []
    for side in (1, -1):
        if track.corners_m is not None:
            runs = _edges(track, track.corners_m, side)
        else:
            runs = split_runs(*_strip_middle(track, side))
        for run in runs:
            sheets += lay_run(run, track.strip_width_m, laying, rng)
    return sheets
