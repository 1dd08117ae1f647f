"""The one on-disk form of labelled frames: memory-mapped arrays and a page of facts.

A frame set is a folder::

    frames.npy     (N, H, W, 3) uint8   RGB frames, as a model takes them
    labels.npy     (N,) uint8           0 forward, 1 left, 2 right; 255 unlabelled
    drives.npy     (N,) uint16          index into meta.json's "drives"
    times_ns.npy   (N,) int64           capture time within the drive, ns
    steering.npy   (N,) float32         -1 full left to 1 full right; NaN where unknown
    meta.json      {"format": "paperlane-frameset", "version": 1, "drives": [name, ...],
                    "source": str, "dropped": {reason: count}}

Frames of one drive stand together in the order of their time, so that a split by drive or by
block of time is a split by slices.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.arrays import read_npy
from controller.errors import DataError
from controller.files import read_text_bounded
from controller.frames import CLASS_NAMES, Pixels

UNLABELLED = 255
MOST_META_BYTES = 16 << 20
"""Of ``meta.json``: 65,536 drives have names of a usual length."""
_FORMAT = "paperlane-frameset"
_ARRAYS = {
    "frames": np.uint8,
    "labels": np.uint8,
    "drives": np.uint16,
    "times_ns": np.int64,
    "steering": np.float32,
}


def whole(value: Any) -> int:  # noqa: ANN401 - foreign JSON
    """A whole number out of somebody's JSON, below 2**62, so that differences are int64 too.

    Raises:
        TypeError, ValueError, OverflowError: If it is none.
    """
    number = int(value)
    if abs(number) >= 1 << 62:
        raise OverflowError("more than 62 bits")
    return number


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Labelled frames of one or more drives; see the module's text for shapes and dtypes."""

    frames: Pixels
    labels: npt.NDArray[np.uint8]
    drives: npt.NDArray[np.uint16]
    times_ns: npt.NDArray[np.int64]
    steering: npt.NDArray[np.float32]
    drive_names: tuple[str, ...]
    source: str = ""
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _ARRAYS}
        if len(set(lengths.values())) != 1:
            raise DataError(f"unequal lengths in {self.source or 'frame set'}: {lengths}")
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or 0 in self.shape:
            raise DataError(f"frames must be (N, H, W, 3), not {self.frames.shape}")
        for name, dtype in _ARRAYS.items():
            if name != "frames" and getattr(self, name).ndim != 1:
                raise DataError(f"{name} must be (N,), not {getattr(self, name).shape}")
            if getattr(self, name).dtype != dtype:
                raise DataError(f"{name} must be {dtype.__name__}, not {getattr(self, name).dtype}")
        wrong = np.flatnonzero((self.labels >= len(CLASS_NAMES)) & (self.labels != UNLABELLED))
        if len(wrong):
            raise DataError(
                f"label {self.labels[wrong[0]]} in row {wrong[0]} of {self.source or 'frame set'}: "
                f"labels are 0 forward, 1 left, 2 right, {UNLABELLED} unlabelled"
            )
        if len(self.drives) and int(self.drives.max()) >= len(self.drive_names):
            raise DataError(f"drive {int(self.drives.max())} has no name in {self.source}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every frame, in pixels."""
        return self.frames.shape[1], self.frames.shape[2]

    def take(self, rows: npt.NDArray[np.intp] | slice) -> FrameSet:
        """Some rows, as a frame set of their own (a slice stays a memory map)."""
        return FrameSet(
            self.frames[rows],
            self.labels[rows],
            self.drives[rows],
            self.times_ns[rows],
            self.steering[rows],
            self.drive_names,
            self.source,
            dict(self.dropped),
        )

    def save(self, folder: Path) -> None:
        """Write the folder; ``meta.json`` comes last, so a folder that has it is complete.

        Raises:
            OSError: If the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meta.json").unlink(missing_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        write_meta(folder, self.drive_names, self.source, self.dropped)


def write_meta(
    folder: Path, drive_names: tuple[str, ...], source: str, dropped: dict[str, int]
) -> None:
    """Write a frame set's ``meta.json``, the last file of a complete folder."""
    meta = {
        "format": _FORMAT,
        "version": 1,
        "drives": list(drive_names),
        "source": source,
        "dropped": dropped,
    }
    partial = folder / "meta.json.part"
    partial.write_text(json.dumps(meta, indent=1) + "\n")
    partial.rename(folder / "meta.json")


def is_frameset(folder: Path) -> bool:
    """Whether a folder holds a complete frame set."""
    return (folder / "meta.json").is_file() and (folder / "frames.npy").is_file()


def load_frameset(folder: Path) -> FrameSet:
    """Open a frame set; the frames stay on disk until they are used.

    Raises:
        DataError: If the folder holds none, or a file of it is broken.
    """
    if not is_frameset(folder):
        raise DataError(f"{folder}: no frame set here (meta.json and frames.npy expected)")
    try:
        meta = json.loads(read_text_bounded(folder / "meta.json", MOST_META_BYTES))
        if (meta["format"], meta["version"]) != (_FORMAT, 1):
            raise DataError(f"{folder}/meta.json: not a {_FORMAT} of version 1")
        arrays = {
            name: read_npy(folder / f"{name}.npy", mapped=name == "frames") for name in _ARRAYS
        }
        return FrameSet(
            **arrays,
            drive_names=tuple(meta["drives"]),
            source=str(folder),
            dropped=dict(meta.get("dropped", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder}: broken frame set: {error}") from error
