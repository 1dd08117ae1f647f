"""From a foreign recording to a frame set: what a reader lists, and how it becomes arrays."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from controller.errors import DataError
from controller.files import read_bounded
from controller.frames import Pixels, fit
from controller.pictures import MOST_CODED_BYTES, decode_picture
from controller.recording.frameset import UNLABELLED, FrameSet, write_meta
from controller.recording.tubs import TURN_ANGLE

FORWARD, LEFT, RIGHT = 0, 1, 2

TURN_AT = TURN_ANGLE
"""Smallest absolute steering value that counts as a turn; full lock is 1."""


@dataclass(frozen=True, slots=True)
class Record:
    """One frame as a reader lists it, before it is decoded.

    Attributes:
        picture: File of the picture, or its pixels ``(h, w, 3) uint8`` RGB.
        label: 0 forward, 1 left, 2 right, 255 unlabelled.
        drive: Index into the listing's drive names.
        time_ns: Capture time within the drive, ns.
        steering: -1 full left to 1 full right; NaN where unknown.
    """

    picture: Path | Pixels
    label: int
    drive: int
    time_ns: int
    steering: float = float("nan")


@dataclass(slots=True)
class Listing:
    """What a reader found: records in the order of drive and time, and what it left out.

    Attributes:
        source: What people call this data set.
        drive_names: Names of the drives.
        records: Everything that can be decoded.
        dropped: How many records were left out, by reason.
    """

    source: str
    drive_names: tuple[str, ...]
    records: list[Record] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def steering_label(steering: float, turn_at: float = TURN_AT) -> int:
    """The class of a steering value; negative is left.

    Args:
        steering: -1 full left to 1 full right.
        turn_at: Smallest absolute value that counts as a turn.
    """
    if steering <= -turn_at:
        return LEFT
    if steering >= turn_at:
        return RIGHT
    return FORWARD


def read_picture(path: Path) -> Pixels | str:
    """Decode a picture file.

    Returns:
        ``(h, w, 3) uint8`` RGB, or the reason why there is none.
    """
    try:
        data = read_bounded(path, MOST_CODED_BYTES)
    except FileNotFoundError:
        return "picture missing"
    except OSError:
        return "picture unreadable"
    if not data:
        return "picture of zero bytes"
    picture = decode_picture(data)
    return "picture broken" if picture is None else picture


def collect(listing: Listing, shape: tuple[int, int], folder: Path | None = None) -> FrameSet:
    """Decode and fit every picture of a listing.

    Args:
        listing: What a reader found.
        shape: Height and width of the frames wanted, in pixels.
        folder: Where to write a frame set, frame by frame, so that memory stays flat however
            many there are; None keeps the frames in memory.

    Returns:
        The frame set; memory-mapped where a folder was given.

    Raises:
        DataError: If nothing is left.
        OSError: If the folder cannot be written.
    """
    count = len(listing.records)
    dropped = Counter(listing.dropped)
    full = (count, *shape, 3)
    if folder is None:
        frames = np.empty(full, np.uint8)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "meta.json").unlink(missing_ok=True)
        frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, full)
    kept: list[Record] = []
    for record in listing.records:
        picture = record.picture
        pixels = read_picture(picture) if isinstance(picture, Path) else picture
        if isinstance(pixels, str):
            dropped[pixels] += 1
            continue
        fit(pixels, *shape, out=frames[len(kept)])
        kept.append(record)
    if not kept:
        raise DataError(f"{listing.source}: no usable frame; dropped: {dict(dropped) or 'nothing'}")
    if folder is None:
        frames = frames[: len(kept)]
    else:
        frames.flush()
        del frames
        frames = _shorten(folder / "frames.npy", (len(kept), *shape, 3))
    return _frameset(listing, kept, frames, dict(dropped), folder)


def _shorten(path: Path, shape: tuple[int, ...]) -> Pixels:
    """Cut a ``.npy`` file to fewer rows, in place.

    NumPy pads its headers so that the first axis can change its length without moving the data.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header)
        if file.tell() != start:
            raise DataError(f"{path}: NumPy's header changed its size; import again")
        os.ftruncate(file.fileno(), start + int(np.prod(shape)))
    return np.load(path, mmap_mode="r")


def _frameset(
    listing: Listing, kept: list[Record], frames: Pixels, dropped: dict[str, int], into: Path | None
) -> FrameSet:
    result = FrameSet(
        frames,
        np.array([r.label for r in kept], np.uint8),
        np.array([r.drive for r in kept], np.uint16),
        np.array([r.time_ns for r in kept], np.int64),
        np.array([r.steering for r in kept], np.float32),
        listing.drive_names,
        listing.source,
        dropped,
    )
    if into is not None:
        for name in ("labels", "drives", "times_ns", "steering"):
            np.save(into / f"{name}.npy", getattr(result, name))
        write_meta(into, listing.drive_names, listing.source, dropped)
    return result


def check_label(label: int, where: str) -> int:
    """A label that is one of the classes or unlabelled.

    Raises:
        DataError: If it is neither; the message names ``where``.
    """
    if label not in (FORWARD, LEFT, RIGHT, UNLABELLED):
        raise DataError(f"{where}: label {label}; labels are 0 forward, 1 left, 2 right")
    return label
