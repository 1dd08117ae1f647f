"""The link over a real serial device, or anything else that pyserial opens by URL."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import select
import termios
import threading
from pathlib import Path
from typing import Self

import serial

from firmware_bridge.clock import Clock
from firmware_bridge.errors import LinkError, VersionError
from firmware_bridge.links.base import Link
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import BAUD, DELIMITER
from firmware_bridge.wire.session import HostSession, LinkHealth

READ_TIMEOUT_S = 0.05
RECONNECT_S = 0.1
"""Pause before each try to open a device that went away, one that opens and breaks included."""
HANDSHAKE_S = 0.3
"""How long opening waits for a first status: six status periods."""
WRITE_TIMEOUT_S = 0.02
UNANSWERED = 8
"""Commands without an answer after which the device's output queue is looked at."""
FRAME_BYTES = 19
STALLED_BYTES = 10 * FRAME_BYTES
"""Bytes in the output queue from which on the line has stalled."""

_log = logging.getLogger(__name__)
LINE_ERRORS = (OSError, termios.error, TypeError, AttributeError)
"""What pyserial raises on a device that vanishes (its own errors are of the first kind, the second
is of none); the last two when it is closed under a call."""


def find_device(pattern: str) -> str:
    """The one device that a path, a glob pattern or a URL names.

    Raises:
        LinkError: A pattern is none, or matches none, or several.
    """
    if "://" in pattern or not any(letter in pattern for letter in "*?["):
        return pattern
    start = Path(Path(pattern).anchor)
    try:
        found = sorted(str(path) for path in start.glob(str(Path(pattern).relative_to(start))))
    except (ValueError, NotImplementedError, OSError) as error:
        raise LinkError(
            f"{pattern!r} is no pattern: {error}; give a path or, for instance, "
            "'/dev/serial/by-id/*'"
        ) from error
    if not found:
        raise LinkError(f"no serial device matches {pattern!r}: is it plugged in?")
    if len(found) > 1:
        raise LinkError(f"{len(found)} serial devices match {pattern!r}, name one: {found}")
    return found[0]


def open_device(pattern: str) -> serial.SerialBase:
    """Open a serial device at 115200 baud, 8N1.

    Args:
        pattern: A path, a glob pattern that matches one path, or a pyserial URL.

    Raises:
        LinkError: It cannot be opened.
    """
    name = find_device(pattern)
    try:
        return serial.serial_for_url(
            name,
            baudrate=BAUD,
            timeout=READ_TIMEOUT_S,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except (*LINE_ERRORS, ValueError, LookupError, re.error) as error:
        raise LinkError(f"cannot open the serial device {name!r}: {error}") from error


class SerialLink(Link):
    """The protocol on a serial device.

    A background thread reads, and opens the device again when it went away, or when reading failed
    in a way that nobody thought of. While that thread does not read, for whatever reason, the link
    is not connected and sends nothing. Sending never waits: what the operating system does not take
    at once is dropped and counted.
    """

    def __init__(self, device: str, clock: Clock, handshake_s: float = HANDSHAKE_S) -> None:
        """Nothing is opened yet.

        Args:
            device: A path, a glob pattern such as ``/dev/serial/by-id/*arduino*``, or a URL.
            clock: The time that ages are counted on.
            handshake_s: How long opening waits for the MCU's first status before it goes on
                without (a board that resets on opening takes a second or two).
        """
        self._device = device
        self._clock = clock
        self._handshake_s = handshake_s
        self._lock = threading.Lock()  # guards the session, between the reader and the caller
        self._session = HostSession()
        self._warm_up_session = HostSession()
        self._port: serial.SerialBase | None = None
        self._sent = 0
        self._dropped = 0
        self._dropped_up_to = 0
        self._stop = threading.Event()
        self._heard = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Open the device and wait a moment for the MCU.

        Raises:
            VersionError: The MCU speaks another protocol version.
            LinkError: The device cannot be opened.
        """
        self._sent = self._dropped = self._dropped_up_to = 0
        self._stop.clear()
        self._heard.clear()
        self._port = open_device(self._device)
        self._thread = threading.Thread(target=self._run, name="serial-link", daemon=True)
        self._thread.start()
        try:
            self.greet(self._handshake_s)
        except VersionError:
            self._shut()
            raise
        return self

    def greet(self, timeout_s: float) -> None:
        """See `Link.greet`."""
        self._heard.wait(timeout_s)
        with self._lock:
            error = self._session.version_error()
        if error is not None:
            raise error

    def __exit__(self, *_: object) -> None:
        self.send_last_stop()
        self._shut()

    def send(self, command: Command, ttl_ms: int) -> int:
        """See `Link.send`."""
        made, port, unanswered = self._make(self._session, command, ttl_ms)
        if made is None or port is None or not self._write(port, *made, unanswered):
            self._dropped += 1
            return 0
        self._sent += 1
        return made[0]

    def warm_up(self, command: Command, ttl_ms: int) -> None:
        """See `Link.warm_up`."""
        self._warm_up_session.status = self._session.status
        made, port, _ = self._make(self._warm_up_session, command, ttl_ms)
        if made is not None and port is not None:  # else it may be any device
            with contextlib.suppress(*LINE_ERRORS):
                write_now(port, DELIMITER)  # the kernel's part too

    def _make(
        self, session: HostSession, command: Command, ttl_ms: int
    ) -> tuple[tuple[int, bytes] | None, serial.SerialBase | None, int]:
        """The next frame, where to send it, and how many before it were not answered."""
        with self._lock:
            made = session.command(command, ttl_ms, self._clock.now_ns())
            return made, self._port if self._is_read() else None, session.unanswered

    def _is_read(self) -> bool:
        """Whether the thread that reads is there; without it nobody hears what the car does."""
        return self._thread is not None and self._thread.is_alive()

    def health(self) -> LinkHealth:
        """See `Link.health`."""
        with self._lock:
            return self._session.health(
                self._clock.now_ns(),
                device_open=self._port is not None and self._is_read(),
                sent=self._sent,
                dropped=self._dropped,
            )

    def _write(self, port: serial.SerialBase, sequence: int, frame: bytes, unanswered: int) -> bool:
        try:
            if unanswered > UNANSWERED and _waiting(port) > STALLED_BYTES:
                self._drop_queue(port, sequence, unanswered)
            if write_now(port, frame):
                return True
            self._drop_queue(port, sequence, unanswered)
            return write_now(port, frame)
        except LINE_ERRORS:
            return False

    def _drop_queue(self, port: serial.SerialBase, sequence: int, unanswered: int) -> None:
        """What waits in a stalled line is old, and newest wins.

        How many commands wait is not known, but no more than were never answered.
        """
        newly = sequence - self._dropped_up_to if sequence > self._dropped_up_to else sequence
        self._dropped += max(1, min(unanswered, newly) - 1)
        self._dropped_up_to = sequence - 1
        port.reset_output_buffer()

    def _shut(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            if self._thread.is_alive():
                raise LinkError(f"the reader of {self._device!r} does not end")
            self._thread = None
        self._close_port()

    def _close_port(self) -> None:
        with self._lock:
            port, self._port = self._port, None
            self._session.forget()
        if port is not None:
            try:
                port.close()
            except LINE_ERRORS as error:
                _log.debug("closing %s: %s", self._device, error)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._read()
                except Exception:  # noqa: BLE001 - what nobody thought of ends no reader silently
                    _log.exception("reading from %s failed; it is opened anew", self._device)
                    self._close_port()
        finally:
            if not self._stop.is_set():
                _log.error("the reader of %s has ended: the link is down for good", self._device)

    def _read(self) -> None:
        while not self._stop.is_set():
            port = self._port
            if port is None:
                self._reopen()
                continue
            try:
                data = read_some(port, READ_TIMEOUT_S)
            except LINE_ERRORS as error:
                if not self._stop.is_set():
                    _log.warning("serial device %s is gone: %s", self._device, error)
                self._close_port()
                continue
            if data:
                self._take(data)

    def _take(self, data: bytes) -> None:
        with self._lock:
            before = self._session.foreign_version
            self._session.receive(data, self._clock.now_ns())
            error = self._session.version_error()
            heard = self._session.status is not None or error is not None
        if error is not None and before is None and self._heard.is_set():
            _log.error("%s", error)  # while opening, it is raised instead
        if heard:
            self._heard.set()

    def _reopen(self) -> None:
        if self._stop.wait(RECONNECT_S):
            return
        try:
            port = open_device(self._device)
        except LinkError:
            return
        _log.warning("serial device %s is back", self._device)
        with self._lock:
            self._port = port


def read_some(port: serial.SerialBase, timeout_s: float) -> bytes:
    """Wait for bytes and take what is there.

    Args:
        port: Where from.
        timeout_s: How long to wait (a port without a descriptor waits as long as it was opened to).

    Raises:
        OSError: The device is gone.
    """
    fd = _descriptor(port)
    if fd is None:
        return bytes(port.read(1) + port.read(port.in_waiting))
    ready = select.poll()  # neither select() nor pyserial, which calls it: both end at 1024
    ready.register(fd, select.POLLIN)
    if not ready.poll(timeout_s * 1000):
        return b""
    data = os.read(fd, 4096)
    if not data:
        raise OSError("the device is gone")
    return data


def write_now(port: serial.SerialBase, data: bytes) -> bool:
    """Hand bytes to the operating system, without waiting where it can be helped, else 20 ms.

    Returns:
        Whether all were taken. If only some were, the receiver rejects what it gets of the frame.
    """
    fd = _descriptor(port)
    if fd is not None:
        # Not through pyserial: it spins on a full queue until its timeout.
        try:
            return os.write(fd, data) == len(data)
        except BlockingIOError:
            return False
    try:
        return bool(port.write(data) == len(data))
    except serial.SerialTimeoutException:
        return False


def _descriptor(port: serial.SerialBase) -> int | None:
    """What the operating system knows the port by; None for one that is no file of its own."""
    if not isinstance(port, io.IOBase):
        return None
    try:
        return int(port.fileno())
    except io.UnsupportedOperation:
        return None


def _waiting(port: serial.SerialBase) -> int:
    """Bytes in the output queue; 0 where the device cannot say."""
    try:
        return int(port.out_waiting)
    except (*LINE_ERRORS, NotImplementedError):
        return 0
