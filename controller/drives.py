"""Drives: MCAP files (mcap.dev) with what the car saw, thought, sent and was told.

Topics, all JSON with a schema, so that Foxglove and other MCAP viewers open a drive as it is::

    /camera/image     foxglove.CompressedImage   the frame as the model saw it, PNG (lossless)
    /pilot/decision   paperlane.Decision         probabilities, command, why, times
    /mcu/status       paperlane.McuStatus        what the microcontroller said of itself

The metadata record ``drive`` names the model and its hash. Message times are wall time, advanced by
the monotonic clock from the start of the drive, so that a step of the wall clock is not seen.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, Message, Metadata
from mcap.stream_reader import StreamReader

from controller.errors import DriveError
from controller.frames import Pixels
from controller.pictures import decode_picture
from firmware_bridge.commands import Command

IMAGE_TOPIC = "/camera/image"
DECISION_TOPIC = "/pilot/decision"
STATUS_TOPIC = "/mcu/status"
METADATA_NAME = "drive"
SUFFIX = ".mcap"

_TIME = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
}


def _schema(title: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": properties}


_NUMBER, _INTEGER, _STRING = ({"type": kind} for kind in ("number", "integer", "string"))

SCHEMAS: dict[str, dict[str, Any]] = {
    IMAGE_TOPIC: _schema(
        "foxglove.CompressedImage",
        timestamp=_TIME,
        frame_id=_STRING,
        data={"type": "string", "contentEncoding": "base64"},
        format=_STRING,
    ),
    DECISION_TOPIC: _schema(
        "paperlane.Decision",
        frame_sequence=_INTEGER,
        capture_ns=_INTEGER,
        sent_ns=_INTEGER,
        probabilities={"type": "array", "items": _NUMBER},
        command=_STRING,
        ttl_ms=_INTEGER,
        sequence=_INTEGER,
        state=_STRING,
        reason=_STRING,
        stages_us={"type": "array", "items": _NUMBER},
    ),
    STATUS_TOPIC: _schema(
        "paperlane.McuStatus",
        session=_INTEGER,
        sequence=_INTEGER,
        state=_STRING,
        trip=_STRING,
        applied=_STRING,
        left=_NUMBER,
        right=_NUMBER,
        battery_mv={"type": ["integer", "null"]},
        uptime_ms=_INTEGER,
        counters={"type": "object"},
    ),
}
"""JSON schema of each topic; the first is Foxglove's own (docs.foxglove.dev, CompressedImage)."""

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


@dataclass(frozen=True, slots=True)
class DrivenFrame:
    """A frame of a drive and what was decided on it.

    Attributes:
        time_ns: Capture time, ns on the drive's monotonic clock.
        pixels: ``(H, W, 3) uint8`` RGB, to the bit what the model saw.
        command: What was sent.
        probabilities: Forward, left, right.
        state: The supervisor's state, see `controller.supervisor.State`.
    """

    time_ns: int
    pixels: Pixels
    command: Command
    probabilities: tuple[float, float, float]
    state: str


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
        records = StreamReader(stream, validate_crcs=True, record_size_limit=1 << 28).records
        while True:
            try:
                record = next(records, None)
                if record is None:
                    info.complete = True
                    return
                value = json.loads(record.data) if isinstance(record, Message) else None
            except _BROKEN:
                return
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Metadata) and record.name == METADATA_NAME:
                info.metadata = dict(record.metadata)
            elif isinstance(record, Message) and record.channel_id in topics:
                topic = topics[record.channel_id]
                info.counts[topic] = info.counts.get(topic, 0) + 1
                yield topic, record.log_time, value


def read_drive(path: Path, info: DriveInfo | None = None) -> Iterator[DrivenFrame]:
    """The frames of a drive, in order, each with its decision.

    Raises:
        DriveError: If the file is not a drive.
    """
    picture: tuple[int, Pixels] | None = None
    for topic, _, value in read_messages(path, info):
        if topic == IMAGE_TOPIC:
            picture = _read_picture(path, value)
        elif topic == DECISION_TOPIC:
            frame = _read_decision(path, value, picture)
            if frame is not None:
                yield frame


def _read_decision(
    path: Path,
    value: Any,  # noqa: ANN401 - foreign JSON
    picture: tuple[int, Pixels] | None,
) -> DrivenFrame | None:
    """The frame that a decision is about; None if it is about silence, or its picture is lost."""
    try:
        if picture is None or picture[0] != value["frame_sequence"]:
            return None
        forward, left, right = map(float, value["probabilities"])
        return DrivenFrame(
            int(value["capture_ns"]),
            picture[1],
            Command[value["command"]],
            (forward, left, right),
            str(value["state"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DriveError(f"{path}: {DECISION_TOPIC} holds something else than decisions") from error


def _read_picture(path: Path, value: dict[str, Any]) -> tuple[int, Pixels]:
    try:
        pixels = decode_picture(base64.b64decode(value["data"], validate=True))
        sequence = int(value["frame_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise DriveError(f"{path}: {IMAGE_TOPIC} holds something else than pictures") from error
    if pixels is None:
        raise DriveError(f"{path}: picture {sequence} cannot be decoded")
    return sequence, pixels
