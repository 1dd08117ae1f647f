"""Classes from steering, smoothed over time: drivers tap where they mean one long turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from controller.errors import DataError
from controller.recording.frameset import FrameSet
from training.data.records import FORWARD, LEFT, RIGHT, TURN_AT


def relabel(frames: FrameSet, smooth_ms: float, turn_at: float = TURN_AT) -> FrameSet:
    """Label frames anew by their steering, averaged over a window of time.

    Args:
        frames: A frame set; frames without steering keep their labels.
        smooth_ms: Length of the window, centred on the frame; 0 for the frame's own value.
        turn_at: Smallest absolute steering that counts as a turn; full lock is 1.

    Returns:
        The same frames with other labels; their steering values stay as they were.

    Raises:
        DataError: If no frame has a steering value.
    """
    known = np.isfinite(frames.steering)
    if not known.any():
        raise DataError(
            f"{frames.source}: no steering values to label by; leave out --smooth-ms and --turn-at"
        )
    labels = frames.labels.copy()
    for rows in _lines(frames, known):
        steering = _smooth(frames.times_ns[rows], frames.steering[rows], smooth_ms)
        turns = np.where(steering < 0, LEFT, RIGHT)
        # A hair of slack, so that a constant steering of exactly turn_at stays a turn.
        labels[rows] = np.where(np.abs(steering) >= turn_at - 1e-6, turns, FORWARD)
    return replace(frames, labels=labels)


def _lines(frames: FrameSet, known: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.int64]]:
    """Rows that belong to one camera of one drive, in the order of time.

    Side cameras share a time with the middle one and have a corrected steering of their own.
    """
    lines = []
    for drive in np.unique(frames.drives[known]):
        rows = np.flatnonzero(known & (frames.drives == drive))
        times = frames.times_ns[rows]
        camera = np.arange(len(rows)) - np.searchsorted(times, times, side="left")
        lines += [rows[camera == number] for number in np.unique(camera)]
    return lines


def _smooth(
    times_ns: npt.NDArray[np.int64], steering: npt.NDArray[np.float32], window_ms: float
) -> npt.NDArray[np.float64]:
    """Mean of the values at most half a window away."""
    half_ns = int(window_ms * 500_000)
    first = np.searchsorted(times_ns, times_ns - half_ns, side="left")
    last = np.searchsorted(times_ns, times_ns + half_ns, side="right")
    sums = np.concatenate([[0.0], np.cumsum(steering, dtype=np.float64)])
    return (sums[last] - sums[first]) / (last - first)
