"""Donkeycar v2 tubs: their records, read as they lie on disk.

The format (docs.donkeycar.com, "Tub"): ``manifest.json`` holds five JSON lines, the last with the
catalogs' names and the indexes that the owner deleted; each catalog holds one JSON record a line;
``images/`` holds the pictures.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from controller.errors import DataError
from controller.files import read_bounded, read_text_bounded
from controller.frames import Pixels
from controller.pictures import MOST_CODED_BYTES, decode_picture
from controller.recording.frameset import whole
from firmware_bridge.wire.commands import Command

TURN_ANGLE = 0.2
"""Steering from which a driver's hand means a turn, as a share of full lock (the data's README)."""

_BROKEN = (KeyError, TypeError, ValueError, OverflowError, RecursionError)
"""What JSON that holds something else raises where it is read or used."""
LONGEST_LINE = 8192
"""Characters of a record's line, some 16 times what Donkeycar writes; a longer one is broken."""
MOST_CATALOG_BYTES = 1000 * LONGEST_LINE
"""Of a catalog, which holds 1,000 records, and of the manifest."""
_INCOMPLETE = "record without index, time, picture, angle or throttle"


@dataclass(frozen=True, slots=True)
class TubRecord:
    """One record of a tub.

    Attributes:
        index: The tub's own number of the record.
        time_ns: Wall time of the record, in ns.
        picture: Path of its picture.
        angle: Steering, -1 full left to 1 full right.
        throttle: Throttle, -1 to 1.
        by_driver: Whether a person steered; else `angle` is not what the car did.
    """

    index: int
    time_ns: int
    picture: Path
    angle: float
    throttle: float
    by_driver: bool = True

    @property
    def command(self) -> Command:
        """What the driver's hand meant: a turn from `TURN_ANGLE` on, negative to the left."""
        if abs(self.angle) < TURN_ANGLE:
            return Command.FORWARD
        return Command.LEFT if self.angle < 0 else Command.RIGHT


def is_tub(folder: Path) -> bool:
    """Whether a folder looks like a Donkeycar v2 tub."""
    return (folder / "manifest.json").is_file() and any(folder.glob("*.catalog"))


def read_records(folder: Path, dropped: Counter[str] | None = None) -> Iterator[TubRecord]:
    """The records of a tub in the order of its manifest, deleted ones left out.

    Args:
        folder: The tub.
        dropped: Counts what was left out, by reason; given by the caller who wants to know.

    Raises:
        DataError: If the manifest cannot be read or names no catalog; the message names the file.
    """
    dropped = Counter() if dropped is None else dropped
    catalogs, deleted = _read_manifest(folder / "manifest.json")
    for name in catalogs:
        catalog = folder / name
        if not catalog.is_file():
            dropped["catalog missing"] += 1
            continue
        if catalog.stat().st_size > MOST_CATALOG_BYTES:
            raise DataError(
                f"{catalog}: holds more than {MOST_CATALOG_BYTES} bytes, which no catalog does"
            )
        with catalog.open(encoding="utf-8", errors="replace") as lines:
            for line in _lines(lines):
                record = _parse_record(folder, line)
                if isinstance(record, str):
                    dropped[record] += 1
                elif record.index in deleted:
                    dropped["deleted by its author"] += 1
                else:
                    yield record


def read_picture(record: TubRecord) -> Pixels | None:
    """The picture of a record, ``(h, w, 3) uint8`` RGB; None if it is missing or broken."""
    try:
        return decode_picture(read_bounded(record.picture, MOST_CODED_BYTES))
    except (OSError, ValueError):  # a name that no file can have
        return None


def _read_manifest(path: Path) -> tuple[list[str], frozenset[int]]:
    """The catalogs' names and the deleted indexes."""
    try:
        lines = read_text_bounded(path, MOST_CATALOG_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    try:
        facts = json.loads(lines[4])
        catalogs = [str(name) for name in facts["paths"]]
        deleted = frozenset(map(whole, facts.get("deleted_indexes", ())))
    except (*_BROKEN, AttributeError, IndexError) as error:
        raise DataError(
            f"{path}: not the manifest of a Donkeycar v2 tub: line 5 must name its catalogs "
            f"({type(error).__name__}: {error})"
        ) from error
    outside = [name for name in catalogs if Path(name).name != name]
    if outside:
        raise DataError(f"{path}: catalog {outside[0]!r} is not a file of this folder")
    return catalogs, deleted


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; a longer one than `LONGEST_LINE` is empty."""
    while line := file.readline(LONGEST_LINE):
        whole_line, rest = line, line
        while rest and not rest.endswith("\n"):
            rest = file.readline(LONGEST_LINE)
            whole_line = "" if rest else whole_line
        yield whole_line


def _parse_record(folder: Path, line: str) -> TubRecord | str:
    """A record, or why the line is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return "broken JSON line"
    try:
        picture = str(entry["cam/image_array"])
        record = TubRecord(
            whole(entry["_index"]),
            whole(whole(entry["_timestamp_ms"]) * 1_000_000),
            folder / "images" / picture,
            float(entry["user/angle"]),
            float(entry["user/throttle"]),
            entry.get("user/mode", "user") == "user",
        )
    except _BROKEN:
        return _INCOMPLETE
    finite = math.isfinite(record.angle) and math.isfinite(record.throttle)
    return record if finite and Path(picture).name == picture else _INCOMPLETE
