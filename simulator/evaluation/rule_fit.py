"""The teacher's rule on real frames: at which free way did people turn?

No net is needed for that: paper is what is bluer than the floor, and where it lies follows from the
camera's geometry.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from controller.frames import REFERENCE_SHAPE, Pixels
from simulator.camera.optics import CameraRig, project
from simulator.evaluation.real_frames import read_labelled
from simulator.teacher.teacher import NEAREST_M

_SMALLEST_PX = 100
"""Smaller patches are mirrored lamps, not paper."""
_FARTHEST_M, _STEP_M = 1.4, 0.01
_SIDES_RAD = tuple(math.radians(degrees) for degrees in (8.0, 14.0, 20.0))
TRIED_M = tuple(round(0.30 + 0.05 * step, 2) for step in range(16))
"""Free ways at which the rule is tried."""


def find_paper(frame: Pixels) -> npt.NDArray[np.bool_]:
    """Where a frame shows paper.

    Args:
        frame: ``(h, w, 3) uint8`` RGB of white or bluish paper on a brown floor.

    Returns:
        ``(h, w) bool``.
    """
    blue = np.ascontiguousarray(cv2.GaussianBlur(frame, (3, 3), 0)[..., 2])
    _, mask = cv2.threshold(blue, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    count, patches, facts, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8))
    large = [n for n in range(1, count) if facts[n, cv2.CC_STAT_AREA] >= _SMALLEST_PX]
    return np.asarray(np.isin(patches, large))


def _ray(rig: CameraRig, turn_rad: float) -> list[tuple[float, int, int]]:
    """The pixels of a way over the floor: how far from the axle, row and column."""
    height, width = REFERENCE_SHAPE
    pixels = []
    for distance_m in np.arange(NEAREST_M, _FARTHEST_M, _STEP_M).tolist():
        ahead_m, left_m = distance_m * math.cos(turn_rad), distance_m * math.sin(turn_rad)
        seen = project(rig, height, width, ahead_m, left_m)
        if seen is not None and 0 <= seen[0] < width and 0 <= seen[1] < height:
            pixels.append((distance_m, int(seen[1]), int(seen[0])))
    return pixels


def _clear_m(paper: npt.NDArray[np.bool_], ray: list[tuple[float, int, int]]) -> float:
    return next((far_m for far_m, row, column in ray if paper[row, column]), _FARTHEST_M)


def fit_rule(data: Path, rig: CameraRig | None = None) -> dict[str, Any]:
    """How often people did what the rule says, for each free way at which it might turn.

    The side to turn to is the one to which the floor is free for longer.

    Args:
        data: ``*_data.npy`` in the reference data set's form, ``*_labels.npy`` beside it.
        rig: The camera; `CameraRig`'s defaults if None.

    Returns:
        For machines: ``frames``, ``clear_m`` (of each frame), ``turns_to_the_same_side`` (share of
        people's turns; None if there are none) and ``agreement`` (free way in m: frames answered
        alike).

    Raises:
        SimulatorUsageError: If there are no such frames and labels.
    """
    frames, labels = read_labelled(data)
    camera = rig or CameraRig()
    straight = _ray(camera, 0.0)
    sides = [(_ray(camera, turn), _ray(camera, -turn)) for turn in _SIDES_RAD]
    clear_m, turns = [], []
    for frame in frames:
        paper = find_paper(frame)
        clear_m.append(_clear_m(paper, straight))
        gain = sum(_clear_m(paper, left) - _clear_m(paper, right) for left, right in sides)
        turns.append(1 if gain > 0 else 2)
    ways, answers = np.array(clear_m), np.array(turns)
    same_side = (answers == labels)[labels > 0]
    return {
        "frames": len(frames),
        "clear_m": [round(way, 2) for way in clear_m],
        "turns_to_the_same_side": float(same_side.mean()) if len(same_side) else None,
        "agreement": {
            tried_m: int((np.where(ways >= tried_m, 0, answers) == labels).sum())
            for tried_m in TRIED_M
        },
    }
