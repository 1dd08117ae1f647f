"""The host's end of the serial line, and the registry that finds one by name."""

from __future__ import annotations

import abc
from typing import Self

from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.wire.protocol import MAX_TTL_MS
from firmware_bridge.wire.session import LinkHealth


class Link(abc.ABC):
    """A line to a motor controller. A context manager: entering opens it, leaving closes it.

    One thread calls `send` and `health`; neither blocks for more than 20 ms.
    Leaving sends STOP if the line still takes it and the other end is not disarmed.
    """

    @abc.abstractmethod
    def __enter__(self) -> Self: ...

    @abc.abstractmethod
    def __exit__(self, *_: object) -> None: ...

    def greet(self, timeout_s: float) -> None:  # noqa: B027 - a line that is silent has no greeting
        """Wait for a first word from the other end, if it is one that speaks.

        Args:
            timeout_s: How long at most.

        Raises:
            VersionError: It speaks another protocol version.
        """

    @abc.abstractmethod
    def send(self, command: Command, ttl_ms: int) -> int:
        """Send one command, newest wins.

        Args:
            command: The command.
            ttl_ms: Time to live, 1 to 150 ms, counted by the MCU from its arrival.

        Returns:
            The sequence number that it went out with; 0 when it was dropped because the line is
            down or full (never an exception: the supervisor reads `health`).
        """

    def warm_up(self, command: Command, ttl_ms: int) -> None:  # noqa: B027 - most need not
        """Do what `send` would but send a command: so that it is quick when it counts.

        What goes over the line meanwhile, if anything, says nothing to the other end.

        Args:
            command: As for `send`.
            ttl_ms: As for `send`.
        """

    def send_last_stop(self) -> None:
        """Send STOP, unless the other end is disarmed: its motors are off, and STOPs arm it."""
        status = self.health().status
        if status is None or status.state is not McuState.DISARMED:
            self.send(Command.STOP, MAX_TTL_MS)

    @abc.abstractmethod
    def health(self) -> LinkHealth:
        """What is known about the other end now."""
