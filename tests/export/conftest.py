"""Easy frames and a tiny trained network."""

from pathlib import Path

import numpy as np
import pytest

from controller.recording.frameset import FrameSet

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture
def shared_data():
    """The folder of real recordings beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no real recordings beside the checkout (../shared/data)")
    return SHARED / "data"


def _lane_frames(count, seed=0, shape=(45, 80), drives=("drive",)):
    """Frames that a network can learn from: a bright bar left, right or in the middle."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3).astype(np.uint8)
    frames = rng.integers(20, 60, (count, *shape, 3)).astype(np.uint8)
    third = shape[1] // 3
    for row, label in enumerate(labels):
        first = {0: third, 1: 0, 2: 2 * third}[int(label)]
        frames[row, shape[0] // 3 :, first : first + third] += np.uint8(150)
    owner = np.arange(count) * len(drives) // count
    return FrameSet(
        frames,
        labels,
        owner.astype(np.uint16),
        np.arange(count, dtype=np.int64) * 50_000_000,
        np.full(count, np.nan, np.float32),
        tuple(drives),
        "lane",
    )


@pytest.fixture
def lane_frames():
    """Make an easy frame set."""
    return _lane_frames


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run folder with a tiny network that has learnt the easy frames, and its data."""
    from training.__main__ import main

    folder = tmp_path_factory.mktemp("trained")
    _lane_frames(360, 1, drives=("one", "two")).save(folder / "train")
    _lane_frames(150, 2, drives=("held",)).save(folder / "held")
    code = main(
        [
            *("train", "--network", "sliced4", "--alpha", "0.25", "--epochs", "6"),
            *("--data", str(folder / "train"), "--held-out", str(folder / "held")),
            *("--learning-rate", "0.01", "--batch", "16", "--out", str(folder / "run")),
        ]
    )
    assert code == 0
    return folder
