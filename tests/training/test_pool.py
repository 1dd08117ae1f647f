import numpy as np
import pytest

from controller.errors import DataError
from controller.recording.frameset import FrameSet, load_frameset
from training.data.pool import Pool


def test_joined_sets_give_their_own_pictures(lane_frames):
    first, second = lane_frames(7, 1), lane_frames(5, 2, drives=("drive", "other"))
    pool = Pool.of([first, second])
    assert len(pool) == 12
    assert pool.drive_names == ("drive", "drive#2", "other")
    rows = np.array([11, 0, 7, 6])
    expected = np.stack([second.frames[4], first.frames[0], second.frames[0], first.frames[6]])
    np.testing.assert_array_equal(pool.gather(rows), expected)
    part = pool.take(pool.drives == 2)
    assert part.drives_present == ("other",)
    np.testing.assert_array_equal(part.gather(slice(0, 1))[0], second.frames[part.rows[0] - 7])


def test_unlabelled_rows_are_left_out(lane_frames):
    frames = lane_frames(6)
    labels = frames.labels.copy()
    labels[2] = 255
    changed = FrameSet(
        frames.frames, labels, frames.drives, frames.times_ns, frames.steering, frames.drive_names
    )
    pool = Pool.of([changed])
    assert pool.rows.tolist() == [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(pool.gather(slice(2, 3))[0], frames.frames[3])


def test_class_weights_make_classes_count_alike(lane_frames):
    pool = Pool.of([lane_frames(30)])
    pool = pool.take(np.flatnonzero((pool.labels != 1) | (np.arange(30) < 12)))
    weights = pool.class_weights()
    totals = weights * pool.class_counts()
    np.testing.assert_allclose(totals, len(pool) / 3, rtol=1e-6)


def test_an_empty_class_is_named(lane_frames):
    pool = Pool.of([lane_frames(30)])
    with pytest.raises(DataError, match="class 'right' has no frame"):
        pool.take(pool.labels != 2).class_weights()


def test_frames_of_different_shapes_are_not_joined(lane_frames):
    with pytest.raises(DataError, match="different shapes"):
        Pool.of([lane_frames(3), lane_frames(3, shape=(48, 64))])


def test_a_mapped_file_is_read_as_its_map_reads_a_part_of_it_too(tmp_path, lane_frames):
    frames = lane_frames(40)
    frames.save(tmp_path / "set")
    mapped = load_frameset(tmp_path / "set")
    part = mapped.take(slice(7, 30))
    assert isinstance(part.frames, np.memmap)
    pool = Pool.of([mapped, part, frames])
    rows = np.array([62, 0, 39, 45, 40, 64])
    expected = np.concatenate([frames.frames, frames.frames[7:30], frames.frames])[rows]
    np.testing.assert_array_equal(pool.gather(rows), expected)


def test_a_frame_set_that_was_cut_short_is_named(tmp_path, lane_frames):
    lane_frames(40).save(tmp_path / "set")
    pool = Pool.of([load_frameset(tmp_path / "set")])
    file = tmp_path / "set" / "frames.npy"
    with file.open("r+b") as cut:
        cut.truncate(file.stat().st_size - 1)
    with pytest.raises(DataError, match=r"frames\.npy: cut short in row 39"):
        pool.gather(np.array([3, 39]))


def test_every_third_row_of_each_drive(lane_frames):
    pool = Pool.of([lane_frames(7), lane_frames(5)])
    assert pool.every(3).rows.tolist() == [0, 3, 6, 7, 10]
    assert pool.every(1) is pool
