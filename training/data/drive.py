"""Reader of this project's own drives (MCAP): the frames as the model saw them, and what was sent.

A drive teaches what was commanded, by whoever commanded: a model learns from another model's drive,
faults included. Frames on which the car was stopped have no label and are dropped.
"""

from __future__ import annotations

from pathlib import Path

from controller.errors import DataError, DriveError
from controller.recording.format import SUFFIX
from controller.recording.reader import DriveInfo, read_drive
from firmware_bridge.wire.commands import Command
from training.data.records import Listing, Record


def recognise(path: Path) -> bool:
    """Whether this is a drive's file."""
    return path.is_file() and path.suffix == SUFFIX


def list_records(path: Path) -> Listing:
    """List the frames on which the car was told to move.

    Raises:
        DataError: If the file is not a drive, or holds no frame.
    """
    info = DriveInfo()
    listing = Listing(path.stem, (path.stem,))
    try:
        frames = list(read_drive(path, info))
    except DriveError as error:
        raise DataError(str(error)) from error
    for frame in frames:
        if frame.command is Command.STOP:
            listing.dropped["car was stopped"] += 1
        else:
            since_ns = frame.time_ns - frames[0].time_ns
            listing.records.append(Record(frame.pixels, int(frame.command), 0, since_ns))
    if not info.complete:
        listing.dropped["rest of a file that was cut"] += 1
    return listing
