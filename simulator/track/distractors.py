"""Strips that belong to another lane: paper beside the track that means nothing to the car."""

from __future__ import annotations

import numpy as np

from simulator.track.geometry import smooth_closed
from simulator.track.paper import Laying, Sheet, lay_run, split_runs
from simulator.track.tracks import Track

_CLEAR_M = 0.06
"""Bare floor that stays between the track's own strips and another lane's."""


def lay_distractors(
    track: Track, count: int, laying: Laying, rng: np.random.Generator
) -> list[Sheet]:
    """Lay stretches of strips that run beside the track for a while.

    They lie outside of its strips, as far off as a lane is wide, and never in the lane or over
    its paper.

    Args:
        track: The track.
        count: How many stretches.
        laying: How carefully their sheets are laid.
        rng: Where they come from.

    Returns:
        Their sheets.
    """
    line, width_m = track.centre, track.strip_width_m
    coarse, halves_m = line.points_m[::3], track.half_widths_m[::3]
    sheets: list[Sheet] = []
    for _ in range(count):
        side, apart_m = float(rng.choice((-1.0, 1.0))), float(rng.uniform(0.2, 0.7))
        start_m, length_m = rng.uniform(0.0, line.length_m), rng.uniform(0.8, 3.0)
        reach_m = track.half_widths_m + 1.5 * width_m + apart_m
        middle = smooth_closed(
            line.points_m + side * line.normals * reach_m[:, None], 0.15 / line.spacing_m
        )
        rows = (line.along_m - start_m) % line.length_m < length_m
        for row in np.flatnonzero(rows):
            far_m = np.hypot(*(middle[row] - coarse).T) - halves_m
            rows[row] = bool((far_m > 1.5 * width_m + _CLEAR_M).all())
        for run in split_runs(middle, rows):
            sheets += lay_run(run, width_m, laying, rng)
    return sheets
