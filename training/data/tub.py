"""Donkeycar v2 tubs as training data: which records teach something, and what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from controller.recording.tubs import TubRecord, is_tub, read_records
from training.data.records import TURN_AT, Listing, Record, steering_label

STANDING_BELOW = 0.1
"""Throttle (0 to 1) below which the car stands, is carried, or backs off: no lane is followed."""

recognise = is_tub


def list_records(path: Path) -> Listing:
    """List a tub's usable records, in the order of their time.

    Dropped and counted, besides what `controller.recording.tubs.read_records` drops: a standing
    car, and frames that somebody else than the driver steered.

    Args:
        path: The tub's folder.

    Raises:
        DataError: If the manifest is broken.
    """
    dropped: Counter[str] = Counter()
    return listing_of(path, list(read_records(path, dropped)), dropped)


def listing_of(path: Path, found: list[TubRecord], dropped: Counter[str]) -> Listing:
    """Turn a tub's records into a listing, and count those that teach nothing."""
    name = path.resolve().name
    listing = Listing(name, (name,), dropped=dropped)
    records = sorted(found, key=lambda r: (r.time_ns, r.index))
    for record in records:
        if not record.by_driver:
            listing.dropped["not steered by the driver"] += 1
        elif record.throttle < STANDING_BELOW:
            listing.dropped["car stands or backs off"] += 1
        else:
            steering = max(-1.0, min(1.0, record.angle))
            label = steering_label(steering, TURN_AT)
            since_ns = record.time_ns - records[0].time_ns
            listing.records.append(Record(record.picture, label, 0, since_ns, steering))
    return listing
