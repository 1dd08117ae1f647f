"""Writes one drive: an MCAP file, see `controller.recording.reader` for what is in it."""

from __future__ import annotations

import base64
import json
import os
from io import BufferedWriter
from pathlib import Path
from typing import Any

from controller.cycle import Cycle, Reason, State
from controller.errors import UsageError
from controller.pictures import encode_png
from controller.recording.format import (
    CHUNK_BYTES,
    DECISION_TOPIC,
    DIAGNOSTICS_TOPIC,
    IMAGE_TOPIC,
    LOG_INFO,
    LOG_TOPIC,
    LOG_WARNING,
    METADATA_NAME,
    SCHEMAS,
    STATUS_TOPIC,
)
from controller.recording.mcap_writer import load_writer
from controller.system import board, process
from firmware_bridge.wire.commands import McuStatus


def create_drive(path: Path) -> BufferedWriter:
    """Create the file of a drive, its folder too.

    Raises:
        UsageError: If the file exists or cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.filename} is a file, a folder is needed there"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        return path.open("xb")
    except FileExistsError as error:
        raise UsageError(f"{path}: exists; drives are never overwritten") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


class DriveWriter:
    """One file; every method may wait for the disk."""

    def __init__(self, stream: BufferedWriter, metadata: dict[str, str], to_wall_ns: int) -> None:
        """Begin a drive.

        Args:
            stream: An empty file, see `create_drive`; closed by `close`.
            metadata: The ``drive`` metadata record.
            to_wall_ns: What to add to the loop's clock to get wall time, ns.
        """
        self._stream = stream
        self._to_wall_ns = to_wall_ns
        self._last_status: McuStatus | None = None
        self._said: tuple[State, Reason] | None = None
        self._count = 0
        # Loaded here, by the recorder's thread: it takes 40 ms, and the car can drive meanwhile.
        self._writer = load_writer()(stream, chunk_size=CHUNK_BYTES)
        self._writer.start(profile="", library="paperlane")
        self._writer.add_metadata(METADATA_NAME, metadata)
        self._channels = {topic: self._register(topic, SCHEMAS[topic]) for topic in SCHEMAS}

    @property
    def size(self) -> int:
        """Bytes written so far; the last chunk is not among them yet."""
        return self._stream.tell()

    def add(self, cycle: Cycle) -> None:
        """Write a cycle. Raises OSError."""
        status = cycle.health.status
        if status is not None and status is not self._last_status:
            self._last_status = status
            status_ns = cycle.sent_ns - cycle.health.status_age_ns
            self._add(STATUS_TOPIC, status_ns, _status_message(status))
        if cycle.frame is not None and cycle.pixels is not None:
            image = {
                "timestamp": self._wall(cycle.frame.capture_ns),
                "frame_id": str(cycle.frame.sequence),
                "data": base64.b64encode(encode_png(cycle.pixels)).decode(),
                "format": "png",
            }
            self._add(IMAGE_TOPIC, cycle.frame.capture_ns, image)
        self._add(DECISION_TOPIC, cycle.sent_ns, _decision_message(cycle))
        self._log(cycle)
        self._count += 1

    def add_diagnostics(self, cycle: Cycle, waiting: int, dropped: int) -> None:
        """Write how the computer is doing. Raises OSError.

        Args:
            cycle: The last one, for the time and for the line.
            waiting: Cycles that wait to be written.
            dropped: Cycles that will never be.
        """
        value = {
            "link_sent": cycle.health.sent,
            "link_dropped": cycle.health.dropped,
            "recorder_waiting": waiting,
            "recorder_dropped": dropped,
            "memory_mib": process.memory_mib(),
            "cpu_s": process.cpu_s(),
            "temperature_c": board.temperature_c(),
            "throttled": board.throttled_flags(),
        }
        self._add(DIAGNOSTICS_TOPIC, cycle.sent_ns, value)

    def _log(self, cycle: Cycle) -> None:
        state, reason = cycle.decision.state, cycle.decision.reason
        if (state, reason) == self._said:
            return
        self._said = state, reason
        value = {
            "timestamp": self._wall(cycle.sent_ns),
            "level": LOG_WARNING if state is State.STOPPED else LOG_INFO,
            "message": f"{state.value}: {reason.value}",
            "name": "supervisor",
            "file": "",
            "line": 0,
        }
        self._add(LOG_TOPIC, cycle.sent_ns, value)

    def _wall(self, time_ns: int) -> dict[str, int]:
        sec, nsec = divmod(time_ns + self._to_wall_ns, 1_000_000_000)
        return {"sec": sec, "nsec": nsec}

    def sync(self) -> None:
        """Have the complete chunks on the disk itself. Raises OSError."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Finish the file. Raises OSError; the file is closed then too."""
        with self._stream:
            self._writer.finish()  # type: ignore[no-untyped-call]
            self.sync()

    def _register(self, topic: str, schema: dict[str, Any]) -> int:
        content = json.dumps(schema).encode()
        schema_id = self._writer.register_schema(schema["title"], "jsonschema", content)
        return self._writer.register_channel(topic, "json", schema_id)

    def _add(self, topic: str, time_ns: int, value: dict[str, Any]) -> None:
        self._writer.add_message(
            self._channels[topic],
            log_time=time_ns + self._to_wall_ns,
            publish_time=time_ns + self._to_wall_ns,
            sequence=self._count,
            data=json.dumps(value, separators=(",", ":")).encode(),
        )


def _decision_message(cycle: Cycle) -> dict[str, Any]:
    decision = cycle.decision
    return {
        "frame_sequence": -1 if cycle.frame is None else cycle.frame.sequence,
        "capture_ns": 0 if cycle.frame is None else cycle.frame.capture_ns,
        "sent_ns": cycle.sent_ns,
        "probabilities": cycle.shown_probabilities,
        "command": decision.command.name,
        "ttl_ms": decision.ttl_ms,
        "sequence": cycle.sequence,
        "state": decision.state.value,
        "reason": decision.reason.value,
        "stages_us": [stage / 1000 for stage in cycle.stages_ns],
    }


def _status_message(status: McuStatus) -> dict[str, Any]:
    return {
        "session": status.session,
        "sequence": status.sequence,
        "state": status.state.name,
        "trip": status.trip.name,
        "applied": status.applied.name,
        "left": status.motors.left,
        "right": status.motors.right,
        "battery_mv": status.battery_mv,
        "uptime_ms": status.uptime_ms,
        "counters": status.counters,
    }
