import numpy as np
import pytest

from controller.errors import DataError
from export.convert.calibration import choose, frames_of
from training.data.pool import Pool


def test_frames_come_evenly_from_every_drive_and_class(lane_frames):
    big, small = lane_frames(600, 1, drives=("big",)), lane_frames(60, 2, drives=("small",))
    chosen = choose(Pool.of([big, small]), 60)
    for drive in (0, 1):
        for label in range(3):
            assert ((chosen.drives == drive) & (chosen.labels == label)).sum() == 10
    spread = chosen.times_ns[chosen.drives == 0]
    assert spread.min() < big.times_ns[30]
    assert spread.max() > big.times_ns[-30]


def test_a_missing_class_is_named(lane_frames):
    pool = Pool.of([lane_frames(60)])
    with pytest.raises(DataError, match="no frame of class 'left'"):
        choose(pool.take(pool.labels != 1))


def test_the_whole_range_of_a_camera_is_in_the_frames(lane_frames):
    data = lane_frames(30)
    frames = frames_of(choose(Pool.of([data]), 6))
    assert (frames.min(), frames.max()) == (0, 255)
    np.testing.assert_array_equal(frames[1:, 1:], frames_of(choose(Pool.of([data]), 6))[1:, 1:])
