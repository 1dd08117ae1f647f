import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import DataError
from controller.recording.frameset import FrameSet
from training.data.pool import Pool
from training.data.splits import (
    GAP_FRAMES,
    by_blocks,
    by_drive,
    equal_classes,
    last_block,
    shuffled,
    undersample,
)
from training.errors import SpecError


def _pool(*lengths, labels=None):
    count = sum(lengths)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return Pool.of(
        [
            FrameSet(
                np.zeros((count, 2, 2, 3), np.uint8),
                np.asarray(labels if labels is not None else np.arange(count) % 3, np.uint8),
                owner.astype(np.uint16),
                np.arange(count, dtype=np.int64),
                np.zeros(count, np.float32),
                tuple(f"d{i}" for i in range(len(lengths))),
            )
        ]
    )


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(60, 900), min_size=1, max_size=3),
    share=st.sampled_from([0.05, 0.1, 0.2, 0.5]),
    offset=st.integers(0, 30),
)
def test_blocks_keep_a_gap_between_training_and_validation(lengths, share, offset):
    pool = _pool(*lengths)
    train, held = by_blocks(pool, share, offset)
    assert not set(train.rows) & set(held.rows)
    assert 0.5 * share < len(held) / len(pool) < 1.6 * share + 0.01
    assert set(held.drives_present) == set(pool.drives_present)
    for length, drive in zip(lengths, range(len(lengths)), strict=True):
        gap = min(GAP_FRAMES, length // 80)
        own_train = train.rows[train.drives == drive]
        own_held = held.rows[held.drives == drive]
        nearest = np.abs(own_train[:, None] - own_held[None]).min()
        assert nearest > gap


def test_by_drive_takes_the_whole_drive():
    train, held = by_drive(_pool(5, 4), "d1")
    assert held.rows.tolist() == [5, 6, 7, 8]
    assert train.rows.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(SpecError, match="no drive 'x'; there are d0, d1"):
        by_drive(_pool(5, 4), "x")
    with pytest.raises(SpecError, match="only drive"):
        by_drive(_pool(5), "d0")


def test_last_block_is_the_end_of_the_drive():
    train, held = last_block(_pool(1000), 0.2)
    assert held.rows.tolist() == list(range(800, 1000))
    assert train.rows.tolist() == list(range(780))


def test_the_seeds_shuffle_puts_neighbours_on_both_sides():
    train, held = shuffled(_pool(1000), 0.1, 3)
    assert len(held) == 100
    assert len(train) == 900
    near = np.abs(train.rows[:, None] - held.rows[None]).min(axis=0)
    assert np.median(near) == 1


def test_undersampling_cuts_the_largest_class_to_the_second():
    pool = undersample(_pool(10, labels=[0, 0, 0, 0, 0, 0, 1, 1, 1, 2]), 0)
    assert pool.class_counts().tolist() == [3, 3, 1]


def test_too_few_frames_are_said():
    with pytest.raises(SpecError, match="too few"):
        by_blocks(_pool(1))


def test_equal_classes_draws_as_many_of_each_as_the_smallest_has(lane_frames):
    pool = Pool.of([lane_frames(60)])
    pool = pool.take(np.flatnonzero((pool.labels != 2) | (np.arange(60) < 15)))
    fewest = int(pool.class_counts().min())
    drawn = equal_classes(pool, 0)
    assert drawn.class_counts().tolist() == [fewest] * 3
    assert fewest < 20
    np.testing.assert_array_equal(drawn.rows, equal_classes(pool, 0).rows)
    assert not np.array_equal(drawn.rows, equal_classes(pool, 1).rows)
    with pytest.raises(DataError, match="'left' has no frame"):
        equal_classes(pool.take(pool.labels != 1), 0)
