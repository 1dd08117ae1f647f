"""Donkeycar v2 tubs: their records, read as they lie on disk.

The format (docs.donkeycar.com, "Tub"): ``manifest.json`` holds five JSON lines, the last with the
catalogs' names and the indexes that the owner deleted; each catalog holds one JSON record a line;
``images/`` holds the pictures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.errors import DataError
from controller.frames import Pixels
from controller.pictures import decode_picture
from firmware_bridge.commands import Command

TURN_ANGLE = 0.2
"""Steering from which a driver's hand means a turn, as a share of full lock (the data's README)."""
STANDING_THROTTLE = 0.05
"""Throttle under which the car stands or is carried, as a share of full throttle."""


@dataclass(frozen=True, slots=True)
class TubRecord:
    """One record of a tub.

    Attributes:
        index: The tub's own number of the record.
        time_ns: Wall time of the record, in ns.
        picture: Path of its picture.
        angle: Steering, -1 full left to 1 full right.
        throttle: Throttle, -1 to 1.
    """

    index: int
    time_ns: int
    picture: Path
    angle: float
    throttle: float

    @property
    def command(self) -> Command:
        """What the driver's hand meant: a turn from `TURN_ANGLE` on, negative to the left."""
        if abs(self.angle) < TURN_ANGLE:
            return Command.FORWARD
        return Command.LEFT if self.angle < 0 else Command.RIGHT

    @property
    def standing(self) -> bool:
        """Whether the car stands or is carried: such a record teaches nothing."""
        return self.throttle < STANDING_THROTTLE


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
    manifest = _read_manifest(folder / "manifest.json")
    deleted = frozenset(manifest.get("deleted_indexes", ()))
    for name in manifest["paths"]:
        catalog = folder / name
        if not catalog.is_file():
            dropped["catalog missing"] += 1
            continue
        for line in catalog.read_text(errors="replace").splitlines():
            record = _parse_record(folder, line)
            if record is None:
                dropped["broken record"] += 1
            elif record.index in deleted:
                dropped["deleted by the owner"] += 1
            else:
                yield record


def read_picture(record: TubRecord) -> Pixels | None:
    """The picture of a record, ``(h, w, 3) uint8`` RGB; None if it is missing or broken."""
    try:
        coded = np.fromfile(record.picture, np.uint8)
    except OSError:
        return None
    return decode_picture(coded)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        lines = path.read_text().splitlines()
        manifest = json.loads(lines[4])
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except (IndexError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not the manifest of a Donkeycar v2 tub (line 5)") from error
    if not isinstance(manifest, dict) or not manifest.get("paths"):
        raise DataError(f"{path}: line 5 names no catalogs")
    return manifest


def _parse_record(folder: Path, line: str) -> TubRecord | None:
    try:
        record = json.loads(line)
        picture = record["cam/image_array"]
        angle, throttle = float(record["user/angle"]), float(record["user/throttle"])
        if not picture or Path(picture).name != picture or not np.isfinite([angle, throttle]).all():
            return None
        return TubRecord(
            int(record["_index"]),
            int(record["_timestamp_ms"]) * 1_000_000,
            folder / "images" / picture,
            angle,
            throttle,
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
