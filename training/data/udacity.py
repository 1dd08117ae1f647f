"""Reader of Udacity's simulator and self-driving recordings: ``driving_log.csv`` and ``IMG/``.

Rows are centre, left and right picture, steering, throttle, brake and speed, with or without a
heading (github.com/udacity/self-driving-car-sim). Steering is -1 full left to 1 full right.
Paths are those of the machine that recorded: only their file names are used.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

from controller.errors import DataError
from training.data.records import TURN_AT, Listing, Record, steering_label

SIDE_CORRECTION = 0.2
"""Steering added to the left camera's picture and taken from the right's: what the car would have
to do if it stood where that camera looks from. 0.2 is what this simulator's users settled on."""
STANDING_BELOW = 0.1
"""Speed (miles per hour) below which the car stands."""

_LOG = "driving_log.csv"
_TIME = re.compile(r"(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d{3})")
_CAMERAS = ((0, 0.0), (1, SIDE_CORRECTION), (2, -SIDE_CORRECTION))
_ROW_NS = 50_000_000


def recognise(path: Path) -> bool:
    """Whether a folder holds a driving log."""
    return (path / _LOG).is_file()


def list_records(path: Path) -> Listing:
    """List the pictures of all three cameras, in the order of their time.

    Dropped and counted: rows that cannot be read, a standing car, pictures that are not there.

    Raises:
        DataError: If the log cannot be read at all.
    """
    log = path / _LOG
    name = path.resolve().name
    listing = Listing(name, (name,))
    images = path / "IMG" if (path / "IMG").is_dir() else path
    start_ns: int | None = None
    for number, row in enumerate(_rows(log)):
        parsed = _parse(row)
        if isinstance(parsed, str):
            listing.dropped[parsed] += 1
            continue
        steering, pictures = parsed
        time_ns = _time_ns(pictures[0], number)
        start_ns = time_ns if start_ns is None else start_ns
        for camera, correction in _CAMERAS:
            if not pictures[camera]:
                continue
            value = max(-1.0, min(1.0, steering + correction))
            label = steering_label(value, TURN_AT)
            picture = images / pictures[camera]
            listing.records.append(Record(picture, label, 0, time_ns - start_ns, value))
    listing.records.sort(key=lambda record: record.time_ns)
    return listing


def _rows(log: Path) -> Iterator[list[str]]:
    try:
        with log.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file)):
                heading = number == 0 and row and row[0].strip().lower() == "center"
                if row and not heading:
                    yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{log}: not a driving log: {error}") from error


def _parse(row: list[str]) -> tuple[float, list[str]] | str:
    if len(row) < 4 or not row[0].strip():
        return "row without a picture or steering"
    try:
        steering = float(row[3])
        speed = float(row[6]) if len(row) > 6 else math.inf
    except ValueError:
        return "row without a picture or steering"
    if not math.isfinite(steering):
        return "row without a picture or steering"
    if speed < STANDING_BELOW:
        return "car stands"
    # PureWindowsPath splits at both kinds of slash: the log comes from either system.
    return steering, [PureWindowsPath(cell.strip()).name for cell in row[:3]]


def _time_ns(picture: str, number: int) -> int:
    """Time in a picture's name; where there is none, the row's number at 20 Hz."""
    match = _TIME.search(picture)
    if not match:
        return number * _ROW_NS
    year, month, day, hour, minute, second, ms = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return number * _ROW_NS
    return int(moment.timestamp()) * 1_000_000_000 + ms * 1_000_000
