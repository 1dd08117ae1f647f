"""Talks to an MCU step by step, in one thread: for the tools, not for driving."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from firmware_bridge.errors import LinkError
from firmware_bridge.links.serial import LINE_ERRORS, open_device, read_some, write_now
from firmware_bridge.wire.commands import Command, McuState, McuStatus
from firmware_bridge.wire.session import HostSession

PERIOD_S = 0.02
HELLO_S = 3.0
"""A board that resets when its port is opened takes up to two seconds to speak."""


class Probe:
    """A serial device and a host session, without a thread. A context manager.

    Attributes:
        session: What is known of the MCU.
        statuses: Every status so far, oldest first.
    """

    def __init__(self, device: str, *, quiet: bool = False) -> None:
        """Nothing is opened yet.

        Args:
            device: See `SerialLink`.
            quiet: Never send by itself; otherwise leaving sends a STOP.
        """
        self._device = device
        self._quiet = quiet
        self.session = HostSession()
        self.statuses: list[McuStatus] = []

    def __enter__(self) -> Self:
        """Open the device and wait for a first status.

        Raises:
            VersionError: The MCU speaks another protocol version.
            LinkError: The device cannot be opened, or nothing answers within 3 s.
        """
        self._port = open_device(self._device)
        try:
            if not self.wait(lambda _: True, HELLO_S):
                raise LinkError(
                    f"{self._device!r} is open but no status came in {HELLO_S:.0f} s: is the "
                    "firmware flashed (make flash PORT=...), and does nothing else use the device?"
                )
        except BaseException:
            self._port.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self._quiet:
                self.send(Command.STOP)
        except LinkError:
            if kind is None:
                raise
        finally:
            self._port.close()

    @property
    def status(self) -> McuStatus:
        """Newest status."""
        return self.statuses[-1]

    def listen(self, for_s: float) -> list[McuStatus]:
        """Take what has arrived, waiting up to `for_s` for the first bytes.

        Raises:
            VersionError: The MCU speaks another protocol version.
            LinkError: The device is gone.
        """
        new = self.session.receive(self._read(for_s), time.monotonic_ns())
        self.statuses += new
        error = self.session.version_error()
        if error is not None:
            raise error
        return new

    def wait(self, condition: Callable[[McuStatus], bool], for_s: float) -> bool:
        """Listen until a status fulfils `condition`; returns whether one did in time."""
        end = time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            if any(condition(status) for status in self.listen(left)):
                return True
        return False

    def send(self, command: Command, ttl_ms: int = 100) -> int:
        """Send one command; returns its sequence number.

        Raises:
            LinkError: The line does not take it, or the MCU has no session to offer.
        """
        made = self.session.command(command, ttl_ms, time.monotonic_ns())
        if made is None:
            raise LinkError(
                "the MCU offers no session: reset it; if that does not help, it is worn"
            )
        self.write(made[1])
        return made[0]

    def write(self, data: bytes) -> None:
        """Send raw bytes.

        Raises:
            LinkError: The line does not take them.
        """
        try:
            taken = write_now(self._port, data)
        except LINE_ERRORS as error:
            raise LinkError(f"{self._device!r} is gone: {error}") from error
        if not taken:
            raise LinkError(f"{self._device!r} takes no more bytes: the line has stalled")

    def repeat(self, command: Command, for_s: float) -> None:
        """Send a command at 50 Hz for this long."""
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            self.send(command)
            self.pause(PERIOD_S)

    def pause(self, for_s: float) -> None:
        """Listen for this long."""
        self.wait(lambda _: False, for_s)

    def arm(self) -> bool:
        """Send STOPs until the MCU is armed; returns whether it is, after at most half a second."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            self.send(Command.STOP)
            if self.wait(lambda status: status.state is not McuState.DISARMED, PERIOD_S):
                return True
        return False

    def _read(self, for_s: float) -> bytes:
        try:
            return read_some(self._port, for_s)
        except LINE_ERRORS as error:
            raise LinkError(f"{self._device!r} is gone: {error}") from error
