"""Opening a data set of any known kind; the kinds are found by name, and loaded when needed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from controller.errors import DataError
from controller.frames import REFERENCE_SHAPE
from controller.recording.frameset import FrameSet, is_frameset, load_frameset
from training.data.pool import Pool
from training.data.records import collect

KINDS: dict[str, str] = {
    "tub": "training.data.tub",
    "tub v1": "training.data.tub_v1",
    "drive": "training.data.drive",
    "npy": "training.data.npy",
    "pickle": "training.data.pickle",
    "udacity": "training.data.udacity",
}
"""Name of a kind -> module with ``recognise(path) -> bool`` and ``list_records(path)``."""


def kind_of(path: Path) -> str:
    """The kind of a data set: ``frameset`` or a name in `KINDS`.

    Raises:
        DataError: If there is nothing at this path, or nothing that is known.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_dir() and is_frameset(path):
        return "frameset"
    for name in KINDS:
        if _reader(name).recognise(path):
            return name
    known = ", ".join(("frameset", *KINDS))
    raise DataError(f"{path}: not a data set of a known kind ({known})")


def _reader(kind: str) -> ModuleType:
    return importlib.import_module(KINDS[kind])


def open_dataset(path: Path, shape: tuple[int, int] | None = None) -> FrameSet:
    """Open a data set, decoding and fitting its pictures where it is not a frame set already.

    Args:
        path: Folder (or file) of a known kind.
        shape: Height and width of the frames wanted, in pixels; None for the frame set's own, or
            the reference 45x80 for other kinds.

    Raises:
        DataError: If it is of no known kind, is broken, or has frames of another shape.
    """
    kind = kind_of(path)
    if kind != "frameset":
        return collect(_reader(kind).list_records(path), shape or REFERENCE_SHAPE)
    frames = load_frameset(path)
    if shape is not None and frames.shape != shape:
        raise DataError(
            f"{path}: frames are {_size(frames.shape)}, {_size(shape)} is needed; "
            "import the recording again with --size"
        )
    return frames


def import_dataset(path: Path, shape: tuple[int, int], out: Path) -> FrameSet:
    """Turn a data set of any kind into a frame set folder, with flat memory.

    Raises:
        DataError: If it cannot be opened, or ``out`` holds something already.
        OSError: If ``out`` cannot be written.
    """
    kind = kind_of(path)
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out}: not empty; choose another --out or remove it")
    if kind == "frameset":
        raise DataError(f"{path}: is a frame set already")
    return collect(_reader(kind).list_records(path), shape, out)


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"


def open_pool(
    paths: Sequence[Path],
    shape: tuple[int, int] | None,
    change: Callable[[FrameSet], FrameSet] = lambda frames: frames,
) -> Pool:
    """Open several data sets as one, and say on stderr what each had and dropped.

    Args:
        paths: The data sets.
        shape: Height and width of the frames wanted, in pixels; None for the first set's own.
        change: What each frame set goes through, such as new labels.
    """
    sets = []
    for path in paths:
        frames = change(open_dataset(path, shape))
        dropped = ", ".join(f"{count} {reason}" for reason, count in frames.dropped.items())
        note = f"; dropped: {dropped}" if dropped else ""
        print(f"{path}: {len(frames)} frames{note}", file=sys.stderr)
        sets.append(frames)
        shape = shape or frames.shape
    return Pool.of(sets)
