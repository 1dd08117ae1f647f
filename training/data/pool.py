"""Frames of several data sets as one, without copying a picture until a batch is made of it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from controller.errors import DataError
from controller.frames import CLASS_NAMES, Pixels
from controller.recording.frameset import UNLABELLED, FrameSet

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Labelled rows of one or more frame sets.

    Attributes:
        sets: The frame sets; their frames may be memory maps.
        offsets: ``(len(sets) + 1,)`` first global row of every set.
        rows: ``(N,)`` global rows that belong to this pool, in the order of drive and time.
        labels: ``(N,) uint8`` 0 forward, 1 left, 2 right.
        drives: ``(N,)`` index into ``drive_names``.
        times_ns: ``(N,) int64`` capture time within the drive, ns.
        drive_names: Unique names of the drives.
    """

    sets: tuple[FrameSet, ...]
    offsets: Rows
    rows: Rows
    labels: npt.NDArray[np.uint8]
    drives: Rows
    times_ns: npt.NDArray[np.int64]
    drive_names: tuple[str, ...]

    @classmethod
    def of(cls, sets: Sequence[FrameSet]) -> Pool:
        """Join frame sets; rows without a label are left out, equal drive names get a number.

        Raises:
            DataError: If there is no frame, no label, or the frames differ in shape.
        """
        shapes = {item.shape for item in sets}
        if len(shapes) != 1:
            raise DataError(f"frames of different shapes cannot be joined: {sorted(shapes)}")
        names: list[str] = []
        drives: list[Rows] = []
        for item in sets:
            own = [_unique(name, names) for name in item.drive_names]
            drives.append(item.drives.astype(np.int64) + len(names))
            names.extend(own)
        labels = np.concatenate([item.labels for item in sets])
        rows = np.flatnonzero(labels != UNLABELLED).astype(np.int64)
        if not len(rows):
            raise DataError(f"no labelled frame in {', '.join(item.source for item in sets)}")
        return cls(
            tuple(sets),
            np.cumsum([0, *(len(item) for item in sets)]).astype(np.int64),
            rows,
            labels[rows],
            np.concatenate(drives)[rows],
            np.concatenate([item.times_ns for item in sets])[rows],
            tuple(names),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every frame, in pixels."""
        return self.sets[0].shape

    @property
    def drives_present(self) -> tuple[str, ...]:
        """Names of the drives that have a row here."""
        return tuple(self.drive_names[index] for index in np.unique(self.drives))

    def take(self, chosen: npt.NDArray[np.generic]) -> Pool:
        """Some rows, by position or by mask; no picture is copied."""
        return Pool(
            self.sets,
            self.offsets,
            self.rows[chosen],
            self.labels[chosen],
            self.drives[chosen],
            self.times_ns[chosen],
            self.drive_names,
        )

    def every(self, step: int) -> Pool:
        """Every ``step``-th row of each drive, from its first: neighbours are near-copies."""
        if step == 1:
            return self
        starts = np.flatnonzero(np.diff(self.drives, prepend=-1))
        place = np.arange(len(self)) - np.repeat(starts, np.diff([*starts, len(self)]))
        return self.take(place % step == 0)

    def gather(self, positions: npt.NDArray[np.integer] | slice) -> Pixels:
        """The pictures at some positions.

        Returns:
            ``(n, H, W, 3) uint8`` RGB, a new array.
        """
        rows = self.rows[positions]
        out = np.empty((len(rows), *self.shape, 3), np.uint8)
        owner = np.searchsorted(self.offsets, rows, side="right") - 1
        for index in np.unique(owner):
            places = np.flatnonzero(owner == index)
            _read(self.sets[index].frames, rows[places] - self.offsets[index], out, places)
        return out

    def class_counts(self) -> npt.NDArray[np.int64]:
        """``(3,)`` number of frames of every class."""
        return np.bincount(self.labels, minlength=len(CLASS_NAMES)).astype(np.int64)

    def class_weights(self) -> npt.NDArray[np.float32]:
        """``(3,) float32`` weights that make the classes count alike, with a mean of 1 per frame.

        Raises:
            DataError: If a class has no frame.
        """
        counts = self.class_counts()
        missing = [name for name, count in zip(CLASS_NAMES, counts, strict=True) if not count]
        if missing:
            raise DataError(
                f"class {missing[0]!r} has no frame in {', '.join(self.drives_present)}; "
                "record some, or add another drive"
            )
        return (len(self) / (len(counts) * counts)).astype(np.float32)


def _read(frames: Pixels, rows: Rows, out: Pixels, places: Rows) -> None:
    """Copy rows of a set into places of a batch.

    A memory-mapped file is read, not looked at through its map: a read of a frame costs a tenth
    of the page faults, and the pages do not add up to the whole file in this process' memory.
    """
    if not isinstance(frames, np.memmap) or not frames.flags.c_contiguous:
        out[places] = frames[rows]
        return
    mapped = frames.offset - frames.offset % mmap.ALLOCATIONGRANULARITY  # where the map starts
    first = mapped + frames.ctypes.data - np.frombuffer(frames._mmap, np.uint8).ctypes.data
    size = frames[0].nbytes
    with Path(frames.filename).open("rb", buffering=0) as file:
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            if os.preadv(file.fileno(), [out[place]], first + row * size) != size:
                raise DataError(f"{frames.filename}: cut short in row {row}; import again")


def _unique(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}#{number}" in taken:
        number += 1
    return f"{name}#{number}"
