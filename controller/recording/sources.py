"""Anything that was recorded and can be driven through again: drives, tubs, frame sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.errors import DataError, DriveError
from controller.frames import Pixels
from controller.recording.frameset import UNLABELLED, is_frameset, load_frameset
from controller.recording.reader import read_drive
from controller.recording.tubs import is_tub, read_picture, read_records
from firmware_bridge.wire.commands import Command


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame of a recording.

    Attributes:
        time_ns: When it was taken, ns on the recording's own clock.
        pixels: ``(h, w, 3) uint8`` RGB.
        command: What the model sent or the driver's hand meant; None where nobody said.
    """

    time_ns: int
    pixels: Pixels
    command: Command | None


def open_recording(path: Path) -> Iterator[RecordedFrame]:
    """The frames of a drive (``.mcap``), a Donkeycar v2 tub or a frame set, in order.

    Missing and broken pictures of a tub are left out.

    Raises:
        DriveError: If the path is none of these, or holds no frame.
    """
    if is_tub(path):
        frames = _read_tub(path)
    elif path.is_dir() and is_frameset(path):
        frames = _read_frameset(path)
    elif path.is_file():
        frames = _read_mcap(path)
    elif path.is_dir():
        raise DriveError(f"{path}: neither a Donkeycar v2 tub nor a frame set")
    else:
        raise DriveError(f"{path}: no such file or folder")
    try:
        first = next(frames, None)
    except DataError as error:
        raise DriveError(str(error)) from error
    if first is None:
        raise DriveError(f"{path}: holds no frame that can be replayed")
    return _chain(first, frames)


def _chain(first: RecordedFrame, rest: Iterator[RecordedFrame]) -> Iterator[RecordedFrame]:
    yield first
    yield from rest


def _read_tub(path: Path) -> Iterator[RecordedFrame]:
    for record in read_records(path):
        pixels = read_picture(record)
        if pixels is not None:
            yield RecordedFrame(record.time_ns, pixels, record.command)


def _read_frameset(path: Path) -> Iterator[RecordedFrame]:
    frames = load_frameset(path)
    for row in range(len(frames)):
        label = int(frames.labels[row])
        command = None if label == UNLABELLED else Command(label)
        yield RecordedFrame(int(frames.times_ns[row]), frames.frames[row], command)


def _read_mcap(path: Path) -> Iterator[RecordedFrame]:
    for frame in read_drive(path):
        yield RecordedFrame(frame.time_ns, frame.pixels, frame.command)
