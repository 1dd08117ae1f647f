"""The recorder: writes drives without ever holding up the loop."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.cycle import Cycle
from controller.errors import UsageError
from controller.recording.format import SUFFIX
from controller.recording.writer import DriveWriter, create_drive
from controller.system.process import give_back_freed_memory, leave_the_one_core

_log = logging.getLogger(__name__)

SYNC_S = 2.0
"""How often what is written is forced onto the disk, in s."""
DIAGNOSTICS_NS = 1_000_000_000
"""How often the recording says how the computer is doing; in virtual time (`lossless`) never, for
there it would differ from run to run."""
QUEUE_SIZE = 256
"""Cycles that may wait to be written: 8 s of a stalled disk at 30 Hz, about 3 MiB."""
LONG_QUEUE = 16
"""Cycles waiting at once after which the memory that they took is given back."""
CLOSE_TIMEOUT_S = 10.0
"""How long leaving waits for what is still to be written, in s."""
POLL_S = 0.1
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where and how much is recorded.

    Attributes:
        folder: A folder; '' records nothing.
        file_mib: A file that has grown to this many MiB is closed and another begun.
        quota_mib: Drives in the folder (``drive-*.mcap``) may take this many MiB together; before
            a file is begun, the oldest are deleted until it fits. 0 for no quota.
    """

    folder: str = ""
    file_mib: int = 256
    quota_mib: int = 4096

    def __post_init__(self) -> None:
        if self.file_mib < 1:
            raise UsageError(f"file_mib is {self.file_mib}, must be at least 1")
        if self.quota_mib and self.quota_mib < 2 * self.file_mib:
            raise UsageError(f"quota_mib is {self.quota_mib}, must be 0 or at least twice file_mib")


class Recorder:
    """A sink of the loop that writes MCAP files from a thread of its own.

    The loop hands a cycle over and goes on. When the disk is slower than the car, cycles are
    dropped and counted; when it fails, recording ends, driving does not.
    """

    def __init__(
        self,
        path: Path,
        metadata: dict[str, str],
        start_ns: int,
        settings: RecordingSettings | None = None,
        *,
        lossless: bool = False,
        start_wall_ns: int | None = None,
    ) -> None:
        """Prepare a recording.

        Args:
            path: The first file to write; must not exist. Those that follow it when it is full get
                ``-01``, ``-02``, ... before the suffix.
            metadata: The ``drive`` metadata record.
            start_ns: The loop's clock now, in ns; message times count from it.
            settings: Sizes; without them one file grows without end.
            lossless: Wait for the disk instead of dropping: for virtual time, never on a car.
            start_wall_ns: Wall time at `start_ns`, ns since 1970; now if None.
        """
        self.path = path
        self._metadata = metadata
        wall_ns = time.time_ns() if start_wall_ns is None else start_wall_ns
        self._to_wall_ns = wall_ns - start_ns
        self._settings = settings
        self._lossless = lossless
        self._queue: queue.Queue[Cycle] = queue.Queue(QUEUE_SIZE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._files = 0
        self.dropped = 0
        """Cycles that were not written because the disk was too slow."""
        self.written = 0
        """Cycles that were written."""
        self.failure: Exception | None = None
        """What ended the recording before its time, if anything."""

    def __enter__(self) -> Self:
        self._make_room()
        self._stream = self._create_next()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():  # a disk that hangs must not keep the process alive
            _log.error("%s: the disk does not answer; the end of it is lost", self.path)
        if self.dropped:
            _log.warning("%s: %d cycles not recorded, disk too slow", self.path, self.dropped)

    def __call__(self, cycle: Cycle) -> None:
        """Hand a cycle over; returns at once (unless `lossless`)."""
        if self.failure is not None:
            return
        try:
            self._queue.put(cycle, block=self._lossless)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        leave_the_one_core()
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - nothing here may reach the drive
            self.failure = error
            _log.error("%s: recording ended: %s", self.path, error)
            while self._next() is not None:  # a waiting loop must get on
                pass

    def _write(self) -> None:
        writer: DriveWriter | None = None
        due_s = time.monotonic() + SYNC_S
        told_ns = 0
        try:
            writer = DriveWriter(self._stream, self._metadata, self._to_wall_ns)
            longest = 0
            while (cycle := self._next()) is not None:
                longest = self._tidy(longest)
                if writer is None:
                    self._make_room()
                    writer = DriveWriter(self._create_next(), self._metadata, self._to_wall_ns)
                writer.add(cycle)
                self.written += 1
                if not self._lossless and cycle.sent_ns - told_ns >= DIAGNOSTICS_NS:
                    told_ns = cycle.sent_ns
                    writer.add_diagnostics(cycle, self._queue.qsize(), self.dropped)
                if self._settings and writer.size >= self._settings.file_mib * MIB:
                    full, writer = writer, None
                    full.close()
                elif time.monotonic() >= due_s:
                    writer.sync()
                    due_s = time.monotonic() + SYNC_S
        finally:
            if writer is not None:
                writer.close()

    def _tidy(self, longest: int) -> int:
        """Give back what the pictures of a long queue took, once it is empty; gives its length."""
        waiting = self._queue.qsize()
        if waiting or longest < LONG_QUEUE:
            return max(longest, waiting)
        give_back_freed_memory()
        return 0

    def _next(self) -> Cycle | None:
        """The next cycle; None once the recording is over and all were taken."""
        while True:
            try:
                return self._queue.get(timeout=POLL_S)
            except queue.Empty:
                if self._over.is_set():
                    return None

    def _create_next(self) -> BufferedWriter:
        number = f"-{self._files:02}" if self._files else ""
        path = self.path.with_name(f"{self.path.stem}{number}{self.path.suffix}")
        self._files += 1
        return create_drive(path)

    def _make_room(self) -> None:
        if self._settings is None or self._settings.quota_mib == 0:
            return
        allowed = (self._settings.quota_mib - self._settings.file_mib) * MIB
        drives = [(path, _stat(path)) for path in list_drives(self.path.parent)]
        files = [(path, stat) for path, stat in drives if stat is not None]
        total = sum(stat.st_size for _, stat in files)
        for path, stat in sorted(files, key=lambda file: file[1].st_mtime_ns):
            if total <= allowed:
                return
            try:
                path.unlink()
            except OSError as error:
                _log.warning("%s: cannot be deleted to make room: %s", path, error.strerror)
                continue
            total -= stat.st_size
            _log.info("deleted %s, the oldest: drives may take %d MiB", path,
                      self._settings.quota_mib)  # fmt: skip


def _stat(path: Path) -> os.stat_result | None:
    """What the file system says of a file; None for what is none, or is gone meanwhile."""
    try:
        return path.stat() if path.is_file() else None
    except OSError:
        return None


def list_drives(folder: Path) -> list[Path]:
    """The drives that a recorder wrote into a folder, by name (``-01`` comes before no number)."""
    return sorted(folder.glob(f"drive-*{SUFFIX}"))
