"""The plain mode, for cars that exist already: one ASCII letter per command, and no protection.

There is no CRC, no session, no time to live and no answer: a flipped bit can turn one command into
another, and whether the car stops when the host dies is up to the car. Use it only where the
firmware cannot be changed.
"""

from __future__ import annotations

from typing import Self

import serial

from firmware_bridge.clock import Clock
from firmware_bridge.errors import LinkError
from firmware_bridge.links.base import Link
from firmware_bridge.links.serial import LINE_ERRORS, open_device, write_now
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.session import LinkHealth

REOPEN_NS = 500_000_000
LETTERS = {Command.FORWARD: b"F", Command.LEFT: b"L", Command.RIGHT: b"R", Command.STOP: b"S"}


class PlainLink(Link):
    """Letters on a serial device; `health` can only say whether the device is open.

    A device that goes away is opened again by the next command, at most every half second.
    """

    def __init__(self, device: str, clock: Clock) -> None:
        """Nothing is opened yet; see `SerialLink` for `device`."""
        self._device = device
        self._clock = clock
        self._port: serial.SerialBase | None = None
        self._sent = 0
        self._dropped = 0
        self._tried_ns = 0
        self._entered = False

    def __enter__(self) -> Self:
        self._port = open_device(self._device)
        self._entered = True
        self._sent = self._dropped = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._entered = False
        self.send(Command.STOP, 1)
        self._close()

    def send(self, command: Command, ttl_ms: int) -> int:
        """See `Link.send`; the time to live cannot be sent and is ignored."""
        del ttl_ms
        if self._port is None:
            self._reopen()
        if self._port is None or not self._write(self._port, LETTERS[command]):
            self._dropped += 1
            return 0
        self._sent += 1
        return self._sent

    def health(self) -> LinkHealth:
        """See `Link.health`: there is never a status."""
        return LinkHealth(
            connected=self._port is not None,
            status=None,
            status_age_ns=0,
            sent=self._sent,
            dropped=self._dropped,
            mismatched=False,
        )

    def _reopen(self) -> None:
        now_ns = self._clock.now_ns()
        if not self._entered or now_ns - self._tried_ns < REOPEN_NS:
            return
        self._tried_ns = now_ns
        try:
            self._port = open_device(self._device)
        except LinkError:
            return

    def _write(self, port: serial.SerialBase, letter: bytes) -> bool:
        try:
            return write_now(port, letter)
        except LINE_ERRORS:
            self._close()
            return False

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except LINE_ERRORS:
                return
