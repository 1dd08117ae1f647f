"""The host's half of the protocol, without a line: bytes in, statuses out, command frames out.

Pure: it owns no device, no thread and no clock. Every method that depends on time takes it in ns.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.errors import FrameError, VersionError
from firmware_bridge.wire.commands import Command, McuStatus
from firmware_bridge.wire.protocol import (
    MAX_SEQUENCE,
    MAX_TTL_MS,
    TYPE_STATUS,
    VERSION,
    Decoder,
    command_bytes,
    decode_status,
    peer_version,
)

STATUS_FRESH_NS = 150_000_000
"""A link is connected while its newest status is younger than this (three status periods)."""
MISMATCH_NS = 200_000_000
"""How long the motors may show something else than what was asked for."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """What the host knows about the other end, at one moment.

    Attributes:
        connected: The device is open and its statuses are arriving (newest under 150 ms old).
        status: Newest status, or None before the first.
        status_age_ns: Age of that status on the link's clock; 0 when there is none.
        sent: Command frames handed to the operating system since the link was opened.
        dropped: Command frames that could not be handed over in time.
        mismatched: The MCU has applied something else than what was asked for over 200 ms.
    """

    connected: bool
    status: McuStatus | None
    status_age_ns: int
    sent: int
    dropped: int
    mismatched: bool


class HostSession:
    """Learns the MCU's session from its statuses and numbers the commands sent into it.

    Attributes:
        status: Newest status, or None before the first.
        foreign_version: Another protocol version that the peer was heard to speak, or None.
    """

    def __init__(self) -> None:
        self.status: McuStatus | None = None
        self.foreign_version: int | None = None
        self._status_ns = 0
        self._decoder = Decoder()
        self._numbered_session = 0
        self._sequence = 0
        self._asked = _Asked()
        self._agreed_ns = 0
        self._mismatched = False

    def receive(self, data: bytes, now_ns: int) -> list[McuStatus]:
        """Take bytes that arrived from the MCU.

        Args:
            data: The bytes, in pieces of any size.
            now_ns: Monotonic time of their arrival.

        Returns:
            The statuses that they completed, oldest first.
        """
        statuses = []
        for payload in self._decoder.feed(data):
            if payload[0] == TYPE_STATUS and peer_version(payload) != VERSION:
                self.foreign_version = peer_version(payload)
                continue
            try:
                status = decode_status(payload)
            except FrameError:
                continue
            self._take(status, now_ns)
            statuses.append(status)
        return statuses

    def command(self, command: Command, ttl_ms: int, now_ns: int) -> tuple[int, bytes] | None:
        """Make the next command frame.

        Args:
            command: The command.
            ttl_ms: Its time to live, 1 to 150 ms.
            now_ns: Monotonic time at which it is sent.

        Returns:
            Its sequence number and its bytes, or None while the MCU's session is not known or its
            sequence numbers are used up.

        Raises:
            ValueError: `ttl_ms` is out of its range.
        """
        if not 1 <= ttl_ms <= MAX_TTL_MS:
            raise ValueError(f"ttl_ms is {ttl_ms}, it must be 1 to {MAX_TTL_MS}")
        self._asked.ask(command, ttl_ms, now_ns)
        if self.status is None or self.status.session == 0 or self._sequence >= MAX_SEQUENCE:
            return None
        self._sequence += 1
        return self._sequence, command_bytes(self.status.session, self._sequence, command, ttl_ms)

    @property
    def unanswered(self) -> int:
        """Commands made since the newest one that the MCU says it has accepted."""
        return 0 if self.status is None else self._sequence - self.status.sequence

    def forget(self) -> None:
        """The device is gone: what was known of the MCU is no longer true."""
        self.status = None
        self.foreign_version = None
        self._decoder = Decoder()
        self._mismatched = False

    def version_error(self) -> VersionError | None:
        """The error to raise if the peer was heard to speak another version, else None."""
        if self.foreign_version is None:
            return None
        if self.foreign_version < VERSION:
            advice = "update the firmware: make flash PORT=..."
        else:
            advice = "update paperlane on this computer"
        return VersionError(
            f"the firmware speaks protocol version {self.foreign_version}, "
            f"this computer speaks {VERSION}: {advice}"
        )

    def health(self, now_ns: int, *, device_open: bool, sent: int, dropped: int) -> LinkHealth:
        """What is known about the other end.

        Args:
            now_ns: Monotonic time.
            device_open: Whether the line below is open.
            sent: Frames that the line below took.
            dropped: Frames that it did not.
        """
        age_ns = 0 if self.status is None else max(0, now_ns - self._status_ns)
        return LinkHealth(
            connected=device_open and self.status is not None and age_ns < STATUS_FRESH_NS,
            status=self.status,
            status_age_ns=age_ns,
            sent=sent,
            dropped=dropped,
            mismatched=self._mismatched,
        )

    def _take(self, status: McuStatus, now_ns: int) -> None:
        if self.status is None:
            self._agreed_ns = now_ns
        # Not after `forget`: a line that is back may still hold the numbers that were used.
        if status.session != self._numbered_session:
            self._numbered_session, self._sequence = status.session, 0
        # A host that starts anew in a session goes on where the one before it stopped.
        self._sequence = max(self._sequence, status.sequence)
        self.status, self._status_ns, self.foreign_version = status, now_ns, None
        # Up to when did the motors do what was asked? While ramps turn one motion into the next,
        # that is up to when the old one was still asked for.
        self._agreed_ns = max(self._agreed_ns, self._asked.last_ns(status.applied, now_ns))
        self._mismatched = now_ns - self._agreed_ns > MISMATCH_NS


class _Asked:
    """Which command was in force when; one whose time to live has run out is a STOP."""

    def __init__(self) -> None:
        self._command = Command.STOP
        self._until_ns = 0
        self._ended_ns: dict[Command, int] = {}

    def ask(self, command: Command, ttl_ms: int, now_ns: int) -> None:
        if now_ns < self._until_ns:
            self._ended_ns[self._command] = now_ns
        else:
            self._ended_ns[self._command] = self._until_ns
            self._ended_ns[Command.STOP] = now_ns
        self._command = command
        self._until_ns = now_ns + ttl_ms * 1_000_000

    def last_ns(self, command: Command, now_ns: int) -> int:
        """Latest time up to now at which `command` was in force; 0 for never."""
        if command is Command.STOP and now_ns >= self._until_ns:
            return now_ns
        if command is self._command:
            return now_ns if command is Command.STOP else min(now_ns, self._until_ns)
        return self._ended_ns.get(command, 0)
