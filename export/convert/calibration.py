"""Representative frames for the quantiser, drawn evenly over drives and classes."""

from __future__ import annotations

import numpy as np

from controller.errors import DataError
from controller.frames import CLASS_NAMES, Pixels
from training.data.pool import Pool

DEFAULT_FRAMES = 300
"""A few hundred are what the converter's documentation asks for; more changed nothing here."""


def choose(pool: Pool, count: int = DEFAULT_FRAMES) -> Pool:
    """Draw frames evenly over every pair of drive and class, and evenly over the time of each.

    Args:
        pool: Labelled frames.
        count: How many are wanted; a little fewer come where a pair has too few.

    Raises:
        DataError: If a class has no frame at all: its activations would be cut off.
    """
    missing = [name for name, n in zip(CLASS_NAMES, pool.class_counts(), strict=True) if not n]
    if missing:
        raise DataError(
            f"calibration data ({', '.join(pool.drives_present)}) has no frame of class "
            f"{missing[0]!r}: its activations would be cut off; add a drive that has some"
        )
    groups = [
        rows
        for drive in np.unique(pool.drives)
        for label in range(len(CLASS_NAMES))
        if len(rows := np.flatnonzero((pool.drives == drive) & (pool.labels == label)))
    ]
    share = max(1, count // len(groups))
    chosen = [
        rows[np.unique(np.linspace(0, len(rows) - 1, min(share, len(rows))).astype(int))]
        for rows in groups
    ]
    return pool.take(np.sort(np.concatenate(chosen)))


def frames_of(pool: Pool) -> Pixels:
    """The chosen frames, with the whole range 0 to 255 in them.

    Two corner pixels of the first frame are set to black and white. With them the quantiser's
    range of the input is exactly 0 to 255, its scale 1 and its zero point 0: the car feeds the
    camera's bytes as they are.

    Returns:
        ``(N, H, W, 3) uint8`` RGB.
    """
    frames = pool.gather(slice(None))
    frames[0, 0, 0] = 0
    frames[0, 0, 1] = 255
    return frames
