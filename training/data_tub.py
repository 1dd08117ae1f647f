"""Reader of Donkeycar v2 tubs.

A tub is a folder with ``manifest.json``, catalogs of one JSON record a line, and ``images/``.
The manifest's lines are inputs, types, metadata, manifest metadata, and catalog metadata; the
last names the catalogs and the indexes that their author deleted
(docs.donkeycar.com, "Tub v2"; github.com/autorope/donkeycar, ``parts/datastore_v2.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.errors import DataError
from training.records import TURN_AT, Listing, Record, steering_label

STANDING_BELOW = 0.1
"""Throttle (0 to 1) below which the car stands, is carried, or backs off: no lane is followed."""


def recognise(path: Path) -> bool:
    """Whether a folder looks like a v2 tub."""
    return (path / "manifest.json").is_file()


def list_records(path: Path) -> Listing:
    """List a tub's usable records, in the order of their time.

    Dropped and counted: deleted indexes, lines that are no record, records without a steering
    value, a standing car, frames that somebody else than the driver steered (their
    ``user/angle`` is not what the car did), and catalogs that are not there.

    Args:
        path: The tub's folder.

    Raises:
        DataError: If the manifest is broken.
    """
    catalogs, deleted = _read_manifest(path / "manifest.json")
    listing = Listing(path.resolve().name, (path.resolve().name,))
    raw: list[tuple[int, int, Record]] = []
    for name in catalogs:
        catalog = path / name
        if not catalog.is_file():
            listing.dropped["catalog missing"] += 1
            continue
        for entry in _read_catalog(catalog):
            parsed = _parse(entry, path / "images", deleted)
            if isinstance(parsed, str):
                listing.dropped[parsed] += 1
            else:
                raw.append(parsed)
    raw.sort(key=lambda item: item[:2])
    start_ms = raw[0][0] if raw else 0
    listing.records = [
        Record(r.picture, r.label, 0, (time_ms - start_ms) * 1_000_000, r.steering)
        for time_ms, _, r in raw
    ]
    return listing


def _read_manifest(path: Path) -> tuple[list[str], frozenset[int]]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    try:
        facts = json.loads(lines[4])
        catalogs = [str(name) for name in facts["paths"]]
        deleted = frozenset(int(index) for index in facts.get("deleted_indexes", []))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: line 5 of a v2 tub's manifest names its catalogs; this one does not: "
            f"{type(error).__name__}: {error}"
        ) from error
    outside = [name for name in catalogs if Path(name).name != name]
    if outside:
        raise DataError(f"{path}: catalog {outside[0]!r} is not a file of this folder")
    return catalogs, deleted


def _read_catalog(path: Path) -> Iterator[Any]:
    """The records of a catalog; None for a line that is no JSON object."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            yield record if isinstance(record, dict) else None


def _parse(
    entry: dict[str, Any] | None, images: Path, deleted: frozenset[int]
) -> tuple[int, int, Record] | str:
    if entry is None:
        return "broken JSON line"
    try:
        index = int(entry["_index"])
        time_ms = int(entry["_timestamp_ms"])
        name = str(entry["cam/image_array"])
        steering = float(entry["user/angle"])
        throttle = float(entry["user/throttle"])
    except (KeyError, TypeError, ValueError):
        return "record without index, time, picture, angle or throttle"
    if index in deleted:
        return "deleted by its author"
    if not (math.isfinite(steering) and math.isfinite(throttle)) or Path(name).name != name:
        return "record without index, time, picture, angle or throttle"
    if entry.get("user/mode", "user") != "user":
        return "not steered by the driver"
    if throttle < STANDING_BELOW:
        return "car stands or backs off"
    steering = max(-1.0, min(1.0, steering))
    label = steering_label(steering, TURN_AT)
    return time_ms, index, Record(images / name, label, 0, time_ms, steering)
