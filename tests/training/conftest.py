"""Small data sets of every kind, made on the spot."""

import json
from pathlib import Path

import cv2
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


def _write_tub(folder, entries, deleted=(), picture_value=120):
    (folder / "images").mkdir(parents=True)
    lines = []
    for index, entry in enumerate(entries):
        if isinstance(entry, str):
            lines.append(entry)
            continue
        name = f"{index}_cam_image_array_.jpg"
        record = {
            "_index": index,
            "_session_id": "s",
            "_timestamp_ms": 1_000_000 + 50 * index,
            "cam/image_array": name,
            "user/angle": 0.0,
            "user/mode": "user",
            "user/throttle": 0.4,
            **entry,
        }
        lines.append(json.dumps(record))
        picture = np.full((120, 160, 3), picture_value, np.uint8)
        cv2.imwrite(str(folder / "images" / name), picture)
    (folder / "catalog_0.catalog").write_text("\n".join(lines) + "\n")
    manifest = [
        ["cam/image_array", "user/angle", "user/throttle", "user/mode"],
        ["image_array", "float", "float", "str"],
        {},
        {"created_at": 0},
        {"paths": ["catalog_0.catalog"], "current_index": 9, "deleted_indexes": list(deleted)},
    ]
    (folder / "manifest.json").write_text("\n".join(json.dumps(line) for line in manifest) + "\n")
    return folder


@pytest.fixture
def write_tub():
    """Write a Donkeycar v2 tub; an entry is what differs from a car going straight."""
    return _write_tub


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
