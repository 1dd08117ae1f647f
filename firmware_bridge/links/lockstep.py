"""A link over two callables and somebody else's clock: for virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from firmware_bridge.clock import Clock
from firmware_bridge.links.base import Link
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.session import HostSession, LinkHealth


class LockstepLink(Link):
    """The real protocol without a device or a thread.

    Nothing happens between calls: bytes are read when the caller asks for something, so one
    thread that moves the clock, the microcontroller and the host in turn is deterministic.
    """

    def __init__(
        self, write: Callable[[bytes], None], read: Callable[[], bytes], clock: Clock
    ) -> None:
        """Args are the line's two ends and its time.

        Args:
            write: Takes bytes for the MCU (for instance `Microcontroller.receive`).
            read: Gives what the MCU sent since last asked (`Microcontroller.transmit`).
            clock: The time that ages are counted on.
        """
        self._write = write
        self._read = read
        self._clock = clock
        self._session = HostSession()
        self._open = False
        self._sent = 0
        self._dropped = 0

    def __enter__(self) -> Self:
        self._session = HostSession()
        self._open = True
        self._sent = self._dropped = 0
        self._pull()
        return self

    def __exit__(self, *_: object) -> None:
        self.send_last_stop()
        self._open = False

    def send(self, command: Command, ttl_ms: int) -> int:
        """See `Link.send`."""
        self._pull()
        made = self._session.command(command, ttl_ms, self._clock.now_ns())
        if made is None or not self._open:
            self._dropped += 1
            return 0
        sequence, frame = made
        self._write(frame)
        self._sent += 1
        return sequence

    def health(self) -> LinkHealth:
        """See `Link.health`."""
        self._pull()
        return self._session.health(
            self._clock.now_ns(), device_open=self._open, sent=self._sent, dropped=self._dropped
        )

    def _pull(self) -> None:
        if self._open:
            self._session.receive(self._read(), self._clock.now_ns())
