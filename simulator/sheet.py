"""Contact sheets: many frames at a glance, to see whether they look like the real thing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from controller.frames import REFERENCE_SHAPE, Pixels
from simulator.dataset import DatasetConfig, make_dataset
from simulator.errors import SimulatorUsageError
from simulator.picture import write_text

_ROWS, _COLUMNS, _ZOOM = 5, 4, 3


def read_reference(path: Path) -> Pixels:
    """The frames of a file in the reference data set's form.

    Args:
        path: An ``.npy`` of ``(N, 10800) uint8`` rows, each a 45x80x3 frame as OpenCV read it.

    Returns:
        ``(N, 45, 80, 3) uint8`` RGB.

    Raises:
        SimulatorUsageError: If it is not such a file.
    """
    try:
        rows = np.load(path)
    except (OSError, ValueError) as error:
        raise SimulatorUsageError(f"{path}: cannot be read as .npy: {error}") from error
    height, width = REFERENCE_SHAPE
    if rows.ndim != 2 or rows.shape[1] != height * width * 3 or rows.dtype != np.uint8:
        raise SimulatorUsageError(
            f"{path}: holds {rows.shape} {rows.dtype}, expected (N, {height * width * 3}) uint8"
        )
    return np.ascontiguousarray(rows.reshape(-1, height, width, 3)[..., ::-1])


def _tile(frames: Pixels, title: str) -> Pixels:
    count = _ROWS * _COLUMNS
    chosen = frames[np.linspace(0, len(frames) - 1, count).astype(int)]
    rows = [
        np.hstack(
            [
                cv2.resize(frame, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
                for frame in chosen[row * _COLUMNS : (row + 1) * _COLUMNS]
            ]
        )
        for row in range(_ROWS)
    ]
    sheet = np.vstack(rows)
    bar = np.full((28, sheet.shape[1], 3), 255, np.uint8)
    write_text(bar, title, 8, 19, 0.5)
    return np.vstack([bar, sheet])


def contact_sheet(seed: int, reference: Path | None = None) -> Pixels:
    """Twenty simulated frames, each of another track, room and camera.

    Args:
        seed: Of a data set, 0 to 999.
        reference: An ``.npy`` file with real ones to put beside them.

    Returns:
        ``(h, w, 3) uint8`` RGB.
    """
    real = None if reference is None else _tile(read_reference(reference), "real")
    count = _ROWS * _COLUMNS
    made = make_dataset(DatasetConfig(count * 5, seed, frames_per_drive=5))
    sheet = _tile(np.asarray(made.frames[4::5]), "simulated")
    if real is None:
        return sheet
    gap = np.full((sheet.shape[0], 12, 3), 255, np.uint8)
    return np.hstack([real, gap, sheet])
