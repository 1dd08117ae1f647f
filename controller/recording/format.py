"""What a drive's file holds (mcap.dev): topics, their schemas, names.

Topics, all JSON with a schema, so that Foxglove and other MCAP viewers open a drive as it is::

    /camera/image     foxglove.CompressedImage   the frame as the model saw it, PNG (lossless)
    /pilot/decision   paperlane.Decision         probabilities, command, why, times
    /mcu/status       paperlane.McuStatus        what the microcontroller said of itself
    /diagnostics      paperlane.Diagnostics      line, memory, processor, heat, once a second
    /log              foxglove.Log               each change of the supervisor's state and reason

The metadata record ``drive`` names the model and its hash. Message times are wall time, advanced by
the monotonic clock from the start of the drive, so that a step of the wall clock is not seen.
"""

from __future__ import annotations

from typing import Any

IMAGE_TOPIC = "/camera/image"
DECISION_TOPIC = "/pilot/decision"
STATUS_TOPIC = "/mcu/status"
DIAGNOSTICS_TOPIC = "/diagnostics"
LOG_TOPIC = "/log"
METADATA_NAME = "drive"
SUFFIX = ".mcap"
CHUNK_BYTES = 128 * 1024
"""A chunk is what a power cut may take: about half a second at 45x80 and 30 Hz."""

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
    DIAGNOSTICS_TOPIC: _schema(
        "paperlane.Diagnostics",
        link_sent=_INTEGER,
        link_dropped=_INTEGER,
        recorder_waiting=_INTEGER,
        recorder_dropped=_INTEGER,
        memory_mib=_NUMBER,
        cpu_s=_NUMBER,
        temperature_c={"type": ["number", "null"]},
        throttled={"type": ["integer", "null"]},
    ),
    LOG_TOPIC: _schema(
        "foxglove.Log",
        timestamp=_TIME,
        level=_INTEGER,
        message=_STRING,
        name=_STRING,
        file=_STRING,
        line=_INTEGER,
    ),
}
"""JSON schema of each topic; CompressedImage and Log are Foxglove's own (docs.foxglove.dev)."""
LOG_INFO, LOG_WARNING = 2, 3
"""Levels of foxglove.Log."""
