"""Reader of the reference data set's ``.npy`` pairs.

``train_data.npy`` with ``train_labels.npy``, likewise ``valid`` and ``test`` (or any other stem,
such as ``sample``): rows of 10800 uint8, flattened 45x80x3 frames. The collector stored what
OpenCV read, so the channels are in BGR order; they are turned to RGB here
(github.com/paulaksm/transfer-learning).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from controller.errors import DataError
from controller.frames import REFERENCE_SHAPE
from training.data.records import Listing, Record, check_label

_PIXELS = REFERENCE_SHAPE[0] * REFERENCE_SHAPE[1] * 3
_ROW_NS = 50_000_000
"""The pairs hold no times; their rows are taken as 20 Hz, the pace of the other recordings."""


def _pairs(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.name.endswith("_data.npy") else []
    order = {"train": 0, "valid": 1, "test": 2}
    found = path.glob("*_data.npy")
    return sorted(found, key=lambda p: (order.get(p.name[: -len("_data.npy")], 3), p.name))


def recognise(path: Path) -> bool:
    """Whether a folder, or a file ``*_data.npy``, looks like such pairs."""
    return bool(_pairs(path))


def list_records(path: Path) -> Listing:
    """List the rows of every pair; each pair is one drive.

    Raises:
        DataError: If a file is broken or short, a label is none, or the lengths differ.
    """
    pairs = _pairs(path)
    names = tuple(data.name[: -len("_data.npy")] for data in pairs)
    listing = Listing(path.resolve().name, names)
    for drive, data in enumerate(pairs):
        labels_path = data.with_name(data.name.replace("_data.npy", "_labels.npy"))
        rows, labels = _load(data), _load(labels_path)
        if rows.ndim != 2 or rows.shape[1] != _PIXELS or rows.dtype != np.uint8:
            raise DataError(
                f"{data}: {rows.shape} {rows.dtype}, expected (N, {_PIXELS}) uint8: "
                "rows of flattened 45x80x3 frames"
            )
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f"{labels_path}: {labels.shape} {labels.dtype}, expected (N,) integers")
        if len(labels) != len(rows):
            raise DataError(f"{data}: {len(rows)} rows but {len(labels)} labels in {labels_path}")
        frames = rows.reshape(-1, *REFERENCE_SHAPE, 3)[..., ::-1]
        for row, label in enumerate(labels):
            check_label(int(label), f"{labels_path}: row {row}")
            listing.records.append(Record(frames[row], int(label), drive, row * _ROW_NS))
    return listing


def _load(path: Path) -> npt.NDArray[np.generic]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a complete .npy file: {reason}") from error
