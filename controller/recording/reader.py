"""Reads drives: MCAP files with what the car saw, thought, sent and was told.

What is in them is said in `controller.recording.format`.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, Message, Metadata

from controller.errors import DriveError
from controller.frames import CLASS_NAMES, Pixels
from controller.pictures import decode_picture
from controller.recording.chunks import TooLargeError, read_records
from controller.recording.format import DECISION_TOPIC, IMAGE_TOPIC, METADATA_NAME
from controller.recording.frameset import whole
from firmware_bridge.wire.commands import Command

_log = logging.getLogger(__name__)
_BROKEN = (
    McapError,
    struct.error,
    zstandard.ZstdError,
    EOFError,
    ValueError,
    KeyError,
    OverflowError,
    MemoryError,
    RuntimeError,  # lz4's own
    RecursionError,
)
"""What a cut or damaged file raises while it is read."""
LONGEST_TOPIC = 256
"""Characters of a topic's name; others are left out."""


@dataclass(frozen=True, slots=True)
class DrivenFrame:
    """A frame of a drive and what was decided on it.

    Attributes:
        time_ns: Capture time, ns on the drive's monotonic clock.
        pixels: ``(H, W, 3) uint8`` RGB, to the bit what the model saw.
        command: What was sent.
        probabilities: Forward, left, right.
        state: The supervisor's state, see `controller.drive.supervisor.State`.
    """

    time_ns: int
    pixels: Pixels
    command: Command
    probabilities: tuple[float, float, float]
    state: str


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision of a drive.

    Attributes:
        capture_ns: Capture time of its frame, ns on the drive's monotonic clock; None if it was
            about silence.
        sent_ns: When the command had left, ns on the same clock.
        command: What was sent.
        probabilities: Forward, left, right; empty without a frame.
        state: The supervisor's state, see `controller.drive.supervisor.State`.
        reason: Why it was STOP, see `controller.drive.supervisor.Reason`.
        frame_sequence: Which frame; -1 for none.
    """

    capture_ns: int | None
    sent_ns: int
    command: Command
    probabilities: tuple[float, ...]
    state: str
    reason: str
    frame_sequence: int


@dataclass(slots=True)
class DriveInfo:
    """What is known of a drive after it was read to its end.

    Attributes:
        metadata: The ``drive`` metadata record.
        counts: Messages by topic.
        complete: Whether the file was closed properly; a cut one is read to its last whole chunk.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    complete: bool = False


def read_messages(path: Path, info: DriveInfo | None = None) -> Iterator[tuple[str, int, Any]]:
    """Every message of a drive, as ``(topic, log time in ns, JSON value)``.

    A file that was cut gives what its complete chunks hold.

    Args:
        path: The drive.
        info: Filled while reading.

    Raises:
        DriveError: If the file cannot be opened or is not MCAP.
    """
    info = DriveInfo() if info is None else info
    topics: dict[int, str] = {}
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DriveError(f"{path}: cannot be opened: {error.strerror}") from error
    with stream:
        if stream.read(8) != b"\x89MCAP0\r\n":
            raise DriveError(f"{path}: not a drive (no MCAP file)")
        stream.seek(0)
        records = read_records(stream)
        while True:
            try:
                record = next(records, None)
                if record is None:
                    info.complete = True
                    return
                value = json.loads(record.data) if isinstance(record, Message) else None
            except TooLargeError as error:
                _log.warning("%s: %s; what comes after it is not read", path, error)
                return
            except _BROKEN:
                return
            if isinstance(record, Channel) and len(record.topic) <= LONGEST_TOPIC:
                topics[record.id] = record.topic
            elif isinstance(record, Metadata) and record.name == METADATA_NAME:
                info.metadata = dict(record.metadata)
            elif isinstance(record, Message) and record.channel_id in topics:
                topic = topics[record.channel_id]
                info.counts[topic] = info.counts.get(topic, 0) + 1
                yield topic, record.log_time, value


def read_drive(path: Path, info: DriveInfo | None = None) -> Iterator[DrivenFrame]:
    """The frames of a drive, in order, each with its decision.

    Decisions about silence are left out, and those whose picture is lost.

    Raises:
        DriveError: If the file is not a drive, or its pictures are of several sizes.
    """
    picture: tuple[int, Pixels] | None = None
    for topic, _, value in read_messages(path, info):
        if topic == IMAGE_TOPIC:
            before, picture = picture, _read_picture(path, value)
            if before is not None and before[1].shape != picture[1].shape:
                raise DriveError(f"{path}: picture {picture[0]} has another size than the last one")
        elif topic == DECISION_TOPIC:
            made = _read_decision(path, value)
            if made.capture_ns is None or picture is None or picture[0] != made.frame_sequence:
                continue
            forward, left, right = made.probabilities
            yield DrivenFrame(
                made.capture_ns, picture[1], made.command, (forward, left, right), made.state
            )


def read_decisions(path: Path, info: DriveInfo | None = None) -> Iterator[RecordedDecision]:
    """The decisions of a drive, in order, those about silence too; no picture is decoded.

    Raises:
        DriveError: If the file is not a drive.
    """
    for topic, _, value in read_messages(path, info):
        if topic == DECISION_TOPIC:
            yield _read_decision(path, value)


def _read_decision(path: Path, value: Any) -> RecordedDecision:  # noqa: ANN401 - foreign JSON
    try:
        sequence = whole(value["frame_sequence"])
        shown = value["probabilities"]  # null for what was no number
        probabilities = tuple(math.nan if share is None else float(share) for share in shown)
        if sequence >= 0 and len(probabilities) != len(CLASS_NAMES):
            raise ValueError(probabilities)
        return RecordedDecision(
            whole(value["capture_ns"]) if sequence >= 0 else None,
            whole(value["sent_ns"]),
            Command[value["command"]],
            probabilities,
            str(value["state"]),
            str(value["reason"]),
            sequence,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriveError(f"{path}: {DECISION_TOPIC} holds something else than decisions") from error


def _read_picture(path: Path, value: dict[str, Any]) -> tuple[int, Pixels]:
    try:
        pixels = decode_picture(base64.b64decode(value["data"], validate=True))
        sequence = whole(value["frame_id"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriveError(f"{path}: {IMAGE_TOPIC} holds something else than pictures") from error
    if pixels is None:
        raise DriveError(f"{path}: picture {sequence} cannot be decoded")
    return sequence, pixels
