import numpy as np
import pytest

from controller.errors import DataError
from controller.recording.frameset import FrameSet
from training.data.labels import relabel


def _frames(steering, times_ms=None, drives=None):
    count = len(steering)
    times = np.arange(count) * 50 if times_ms is None else np.array(times_ms)
    return FrameSet(
        np.zeros((count, 45, 80, 3), np.uint8),
        np.full(count, 2, np.uint8),
        np.zeros(count, np.uint16) if drives is None else np.array(drives, np.uint16),
        times.astype(np.int64) * 1_000_000,
        np.array(steering, np.float32),
        ("a", "b"),
        "set",
    )


def test_without_a_window_a_frames_own_steering_decides():
    assert relabel(_frames([0, 0.2, -0.2, 0.19]), 0).labels.tolist() == [0, 2, 1, 0]
    assert relabel(_frames([0, 0.2, -0.2, 0.5]), 0, 0.4).labels.tolist() == [0, 0, 0, 2]


def test_taps_become_one_turn_and_a_twitch_none():
    taps = _frames([0, 0, 0, 0.8, 0, 0.8, 0, 0.8, 0, 0, 0])
    assert relabel(taps, 150).labels.tolist() == [0, 0, 2, 2, 2, 2, 2, 2, 2, 0, 0]
    assert relabel(_frames([0, 0, 0.3, 0, 0]), 150).labels.tolist() == [0] * 5


def test_no_value_of_another_drive_or_another_time_counts():
    frames = _frames([0.6, 0.6, -0.6, -0.6], [0, 50, 0, 50], [0, 0, 1, 1])
    assert relabel(frames, 400).labels.tolist() == [2, 2, 1, 1]
    assert relabel(_frames([0.6, 0, 0], [0, 1000, 1050]), 400).labels.tolist() == [2, 0, 0]


def test_side_cameras_keep_their_correction():
    frames = _frames([0, 0.2, -0.2, 0, 0.2, -0.2], [0, 0, 0, 50, 50, 50])
    assert relabel(frames, 400).labels.tolist() == [0, 2, 1, 0, 2, 1]


def test_frames_without_steering_keep_their_labels():
    assert relabel(_frames([0, np.nan, -0.5]), 0).labels.tolist() == [0, 2, 1]
    with pytest.raises(DataError, match="no steering values"):
        relabel(_frames([np.nan]), 100)
