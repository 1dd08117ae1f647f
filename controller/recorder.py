"""The recorder: writes a drive without ever holding up the loop."""

from __future__ import annotations

import base64
import json
import logging
import queue
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mcap.writer import Writer

from controller.drives import (
    DECISION_TOPIC,
    IMAGE_TOPIC,
    METADATA_NAME,
    SCHEMAS,
    STATUS_TOPIC,
)
from controller.errors import UsageError
from controller.loop import Cycle
from controller.pictures import encode_png
from firmware_bridge.commands import McuStatus

_log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
"""A chunk is what a power cut may take: about a second at 45x80 and 30 Hz."""


class Recorder:
    """A sink of the loop that writes an MCAP file from a thread of its own.

    The loop hands a cycle over and goes on. When the disk is slower than the car, cycles are
    dropped and counted; when it fails, recording ends, driving does not.
    """

    def __init__(
        self,
        path: Path,
        metadata: dict[str, str],
        start_ns: int,
        *,
        queue_size: int = 256,
        lossless: bool = False,
        start_wall_ns: int | None = None,
    ) -> None:
        """Prepare a recording.

        Args:
            path: The file to write; must not exist.
            metadata: The ``drive`` metadata record.
            start_ns: The loop's clock now, in ns; message times count from it.
            queue_size: Cycles that may wait to be written.
            lossless: Wait for the disk instead of dropping: for virtual time, never on a car.
            start_wall_ns: Wall time at `start_ns`, ns since 1970; now if None.
        """
        self._path = path
        self._metadata = metadata
        self._to_wall_ns = (time.time_ns() if start_wall_ns is None else start_wall_ns) - start_ns
        self._lossless = lossless
        self._queue: queue.Queue[Cycle | None] = queue.Queue(queue_size)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._last_status: McuStatus | None = None
        self._ended = False
        self.dropped = 0
        """Cycles that were not written because the disk was too slow."""
        self.written = 0
        """Cycles that were written."""
        self.failure: OSError | None = None
        """What ended the recording before its time, if anything."""

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._path.open("xb")
        except FileExistsError as error:
            raise UsageError(
                f"{self._path}: exists; drives are never overwritten, name another"
            ) from error
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written: {error.strerror}") from error
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self.dropped:
            _log.warning("%s: %d cycles not recorded, disk too slow", self._path, self.dropped)

    def __call__(self, cycle: Cycle) -> None:
        """Hand a cycle over; returns at once (unless `lossless`)."""
        if self.failure is not None:
            return
        try:
            self._queue.put(cycle, block=self._lossless)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        try:
            self._write()
        except OSError as error:
            self.failure = error
            _log.error("%s: recording ended: %s", self._path, error.strerror)
            while not self._ended:  # a waiting loop must get on
                self._next()

    def _write(self) -> None:
        with self._stream as stream:
            writer = Writer(stream, chunk_size=CHUNK_BYTES)
            writer.start(profile="", library="paperlane")
            writer.add_metadata(METADATA_NAME, self._metadata)
            channels = {
                topic: writer.register_channel(
                    topic,
                    "json",
                    writer.register_schema(
                        schema["title"], "jsonschema", json.dumps(schema).encode()
                    ),
                )
                for topic, schema in SCHEMAS.items()
            }
            while (cycle := self._next()) is not None:
                for topic, time_ns, value in self._messages(cycle):
                    writer.add_message(
                        channels[topic],
                        log_time=time_ns + self._to_wall_ns,
                        publish_time=time_ns + self._to_wall_ns,
                        sequence=self.written,
                        data=json.dumps(value, separators=(",", ":")).encode(),
                    )
                self.written += 1
            writer.finish()  # type: ignore[no-untyped-call]

    def _next(self) -> Cycle | None:
        cycle = self._queue.get()
        self._ended = cycle is None
        return cycle

    def _messages(self, cycle: Cycle) -> list[tuple[str, int, dict[str, Any]]]:
        messages = []
        status = cycle.health.status
        if status is not None and status is not self._last_status:
            self._last_status = status
            status_ns = cycle.sent_ns - cycle.health.status_age_ns
            messages.append((STATUS_TOPIC, status_ns, _status_message(status)))
        if cycle.frame is not None and cycle.pixels is not None:
            sec, nsec = divmod(cycle.frame.capture_ns + self._to_wall_ns, 1_000_000_000)
            image = {
                "timestamp": {"sec": sec, "nsec": nsec},
                "frame_id": str(cycle.frame.sequence),
                "data": base64.b64encode(encode_png(cycle.pixels)).decode(),
                "format": "png",
            }
            messages.append((IMAGE_TOPIC, cycle.frame.capture_ns, image))
        messages.append((DECISION_TOPIC, cycle.sent_ns, _decision_message(cycle)))
        return messages


def _decision_message(cycle: Cycle) -> dict[str, Any]:
    decision = cycle.decision
    return {
        "frame_sequence": -1 if cycle.frame is None else cycle.frame.sequence,
        "capture_ns": 0 if cycle.frame is None else cycle.frame.capture_ns,
        "sent_ns": cycle.sent_ns,
        "probabilities": list(cycle.probabilities or ()),
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
