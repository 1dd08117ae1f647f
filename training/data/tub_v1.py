"""Donkeycar v1 tubs: one JSON file a record, its picture beside it.

``record_12.json`` holds ``cam/image_array`` (a file's name), ``user/angle``, ``user/throttle`` and
mostly ``user/mode``; later ones ``milliseconds`` since the tub was opened
(github.com/autorope/donkeycar before version 4, ``parts/datastore.py``).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

from controller.files import read_bounded
from controller.recording.tubs import LONGEST_LINE, TubRecord
from training.data.records import Listing
from training.data.tub import listing_of

_RECORD_NS = 50_000_000
"""Records without a time are taken as 20 Hz, the car's usual pace."""


def recognise(path: Path) -> bool:
    """Whether a folder holds records of this form."""
    return path.is_dir() and any(path.glob("record_*.json"))


def list_records(path: Path) -> Listing:
    """List a tub's usable records, in the order of their time.

    Dropped and counted: records that cannot be read or lack a value, a standing car, and frames
    that somebody else than the driver steered.
    """
    dropped: Counter[str] = Counter()
    found = []
    for file in path.glob("record_*.json"):
        record = _read(file)
        if isinstance(record, str):
            dropped[record] += 1
        else:
            found.append(record)
    return listing_of(path, found, dropped)


def _read(file: Path) -> TubRecord | str:
    """A record, or why the file is none."""
    try:
        entry = json.loads(read_bounded(file, LONGEST_LINE))
    except (OSError, ValueError):
        return "broken JSON file"
    try:
        index = int(file.stem.removeprefix("record_"))
        picture = str(entry["cam/image_array"])
        since_ms = entry.get("milliseconds")
        record = TubRecord(
            index,
            index * _RECORD_NS if since_ms is None else int(since_ms) * 1_000_000,
            file.with_name(picture),
            float(entry["user/angle"]),
            float(entry["user/throttle"]),
            entry.get("user/mode", "user") == "user",
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return "record without number, picture, angle or throttle"
    finite = math.isfinite(record.angle) and math.isfinite(record.throttle)
    if not finite or Path(picture).name != picture:
        return "record without number, picture, angle or throttle"
    return record
