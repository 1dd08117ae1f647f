"""Arming from outside: a Unix socket through which other processes reach a running drive.

One datagram holds one word, ``arm``, ``disarm`` or ``status``; the answer is one JSON object that
says how the drive stands after it. The loop's own thread looks into the socket after each command
that it sent, without waiting, so there is no thread that could get in its way and nothing that a
client does or leaves undone can hold the car up. Whoever may write to the socket's file may arm:
its group decides.

Each time all that has come is taken out, and ``disarm`` goes first, whatever stands before it; no
``arm`` that came with it counts. ``disarm`` is obeyed from anybody. An order to arm is obeyed only
from one who can hear the answer: a sender without a name cannot, and one that has gone was told
that the drive does not answer, and the car would move as nobody expects.

What is no request is not answered, only counted, and nobody is answered at a relative name (it
would be looked up in this process's own folder) or at this socket's own: otherwise a datagram that
names the socket itself as its sender would have the drive answer itself for ever.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from controller.cycle import Cycle
from controller.drive.supervisor import Supervisor
from controller.errors import UsageError
from controller.service.control_client import (
    DEFAULT_SOCKET,
    LONGEST_PATH_BYTES,
    NOBODY_THERE,
    datagram_socket,
)

_log = logging.getLogger(__name__)

LONGEST_REQUEST_BYTES = 64
MOST_ANSWERS = 16
"""Requests answered after one command: a flood costs the loop a tenth of a millisecond."""
MOST_WAITING = 64
"""Requests that may wait for their answer; more are dropped and counted."""
MOST_TAKEN = 600
"""Datagrams taken after one command: all that the queue of a usual system holds (10 as the kernel
comes, 512 as systemd sets it), which takes half a millisecond. A sender that fills it as fast as it
is emptied gets no further."""
QUEUE_LENGTH_FILE = Path("/proc/sys/net/unix/max_dgram_qlen")
USUAL_QUEUE = 10
"""Of a kernel that does not say, unix(7)."""
SAY_AGAIN_NS = 10_000_000_000
"""Shortest time between two lines in the log about the same trouble, ns."""
SOCKET_MODE = 0o660
RATE_WINDOW_NS = 1_000_000_000
_TOO_LATE = {b"arm": b"arm before disarm"}
"""What a waiting order becomes when somebody disarms."""
Sender: TypeAlias = str | bytes | None
"""As the socket module gives it: a path, an abstract name (bytes), or nothing."""


@dataclass(frozen=True, slots=True)
class ArmingSettings:
    """How the car is armed from outside.

    Attributes:
        socket: Path of the control socket, at most 107 bytes; '' for none.
        gpio_pin: GPIO (Broadcom number, 2 to 27) of a button to ground that arms and disarms; 0 for
            none (GPIO 0 and 1 belong to the Pi's add-on boards).
    """

    socket: str = DEFAULT_SOCKET
    gpio_pin: int = 0

    def __post_init__(self) -> None:
        if len(self.socket.encode()) > LONGEST_PATH_BYTES:
            raise UsageError(f"socket is longer than {LONGEST_PATH_BYTES} bytes: {self.socket}")
        if self.gpio_pin != 0 and not 2 <= self.gpio_pin <= 27:
            raise UsageError(f"gpio_pin is {self.gpio_pin}, must be 2 to 27, or 0 for no button")


def toggle(supervisor: Supervisor) -> None:
    """What a press of the one button means: stand if it may drive, else get ready to drive."""
    if supervisor.may_drive:
        supervisor.disarm()
    else:
        supervisor.arm()


class ControlSocket:
    """A sink of the loop that answers requests; a context manager.

    Where the socket's folder does not exist (a drive by hand, without the service) there is none,
    and that is said once.
    """

    def __init__(self, path: str, supervisor: Supervisor) -> None:
        """Nothing is opened yet.

        Args:
            path: Path of the socket; '' for none.
            supervisor: Armed and disarmed from the thread that calls this sink.
        """
        self._path = Path(path).absolute() if path else None
        self._supervisor = supervisor
        self._socket: socket.socket | None = None
        self._file_id: tuple[int, int] | None = None
        self._queue_length = USUAL_QUEUE
        self._waiting: deque[tuple[bytes, Sender]] = deque()
        self._counts = _Counts()
        self._frames = 0
        self._rate = _Rate()

    def __enter__(self) -> Self:
        """Open the socket.

        Raises:
            UsageError: Another drive listens there, or the socket cannot be made.
        """
        if self._path is None:
            return self
        if not self._path.parent.is_dir():
            _log.info("no folder %s: no arming from outside for this drive", self._path.parent)
            return self
        _remove_stale(self._path)
        listener = datagram_socket()
        listener.setblocking(False)
        try:
            # Until the mode is set, the usual umask already keeps everybody else from writing.
            listener.bind(str(self._path))
            self._path.chmod(SOCKET_MODE)
            self._file_id = _file_id(self._path)
        except OSError as error:
            listener.close()
            raise UsageError(
                f"control socket {self._path}: cannot be made: {error.strerror}"
            ) from error
        self._socket = listener
        self._queue_length = _queue_length()
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is None or self._path is None:
            return
        self._socket.close()
        self._socket = None
        with contextlib.suppress(OSError):
            if _file_id(self._path) == self._file_id:  # else it is another drive's by now
                self._path.unlink()

    def __call__(self, cycle: Cycle) -> None:
        """See a cycle, and answer what has been asked since the last one."""
        if cycle.frame is not None:
            self._frames += 1
            self._rate.count(cycle.sent_ns)
        if self._socket is None:
            return
        disarmers = self._take_all(self._socket, cycle.sent_ns)
        if disarmers is None and not self._waiting:
            return
        before = self._supervisor.state
        if disarmers is not None:
            self._supervisor.disarm()
            self._waiting = deque((_TOO_LATE.get(word, word), who) for word, who in self._waiting)
            for sender in disarmers[:MOST_ANSWERS]:
                self._answer(self._socket, sender, cycle)
        for _ in range(min(MOST_ANSWERS, len(self._waiting))):
            word, sender = self._waiting.popleft()
            self._obey(self._socket, word, sender, cycle)
        if self._supervisor.state is not before:
            _log.info("%s by the control socket", self._supervisor.state.value)

    def _take_all(self, line: socket.socket, now_ns: int) -> list[Sender] | None:
        """Empty the socket's queue; gives who said ``disarm``, None if nobody did."""
        disarmers: list[Sender] | None = None
        taken = 0
        while taken < MOST_TAKEN:
            try:
                request, sender = line.recvfrom(LONGEST_REQUEST_BYTES + 1)
            except OSError:  # nothing there, most often
                break
            taken += 1
            # A longer one was cut off: what is left of it may read as an order, but is none.
            word = request.strip() if len(request) <= LONGEST_REQUEST_BYTES else b""
            if word == b"disarm":
                disarmers = disarmers or []
                disarmers.append(sender)
            elif word not in (b"arm", b"status"):
                self._counts.ignored += 1
            elif len(self._waiting) < MOST_WAITING:
                self._waiting.append((word, sender))
            else:
                self._counts.dropped += 1
        if taken > self._queue_length:
            self._counts.note_full(now_ns, taken)
        return disarmers

    def _obey(self, line: socket.socket, word: bytes, sender: Sender, cycle: Cycle) -> None:
        refusal = None
        if word == _TOO_LATE[b"arm"]:
            refusal = "somebody disarmed at the same moment; ask again"
        elif word == b"arm":
            if not self._may_be_answered(sender):
                refusal = "whoever asked for it has no name of its own to be answered at"
            elif sender and _has_gone(sender):
                refusal = "whoever asked for it has given up waiting"
            else:
                self._supervisor.arm()
        if refusal is not None:
            self._counts.note_refused(cycle.sent_ns, refusal)
        self._answer(line, sender, cycle, None if refusal is None else f"not armed: {refusal}")

    def _answer(
        self, line: socket.socket, sender: Sender, cycle: Cycle, error: str | None = None
    ) -> None:
        if not sender or not self._may_be_answered(sender):
            return
        answer = self._facts(cycle)
        if error is not None:
            answer = {"error": error, **answer}
        with contextlib.suppress(OSError):  # the asker has gone, or does not read
            line.sendto(json.dumps(answer).encode(), sender)

    def _may_be_answered(self, sender: Sender) -> bool:
        """Whether a name is absolute (or abstract), and not this socket's own by any path."""
        if not sender:
            return False
        if isinstance(sender, bytes):
            return sender.startswith(b"\0")
        if not sender.startswith("/"):
            return False
        try:
            return _file_id(Path(sender)) != self._file_id
        except (OSError, ValueError):
            return False

    def _facts(self, cycle: Cycle) -> dict[str, Any]:
        status = cycle.health.status
        return {
            "state": self._supervisor.state.value,
            "reason": self._supervisor.reason.value,
            "command": cycle.decision.command.name,
            "frames": self._frames,
            "frame_rate_hz": round(self._rate.hz, 2),
            "frame_age_ms": None if cycle.frame is None else round(cycle.age_ns / 1e6, 3),
            "link_connected": cycle.health.connected,
            "mcu_state": None if status is None else status.state.name,
            "mcu_trip": None if status is None else status.trip.name,
            "battery_mv": None if status is None else status.battery_mv,
            "control_queue_full": self._counts.full,
            "control_requests_dropped": self._counts.dropped,
            "control_requests_ignored": self._counts.ignored,
        }


class _Counts:
    """What the socket could not take, and when that was said last."""

    def __init__(self) -> None:
        self.full = 0
        """Cycles after which the kernel's queue was full: others could not send."""
        self.dropped = 0
        """Requests that were right and came while too many waited."""
        self.ignored = 0
        """Datagrams that were no request."""
        self._full_due_ns = self._refused_due_ns = 0

    def note_full(self, now_ns: int, taken: int) -> None:
        self.full += 1
        if now_ns >= self._full_due_ns:
            self._full_due_ns = now_ns + SAY_AGAIN_NS
            _log.warning(
                "the control socket's queue was full (%d datagrams since the picture before): "
                "somebody floods it",
                taken,
            )

    def note_refused(self, now_ns: int, why: str) -> None:
        if now_ns >= self._refused_due_ns:
            self._refused_due_ns = now_ns + SAY_AGAIN_NS
            _log.info("not armed: %s", why)


class _Rate:
    """Frames a second over the last whole second."""

    def __init__(self) -> None:
        self.hz = 0.0
        self._frames = 0
        self._since_ns: int | None = None

    def count(self, now_ns: int) -> None:
        if self._since_ns is None:
            self._since_ns = now_ns
            return
        self._frames += 1
        elapsed_ns = now_ns - self._since_ns
        if elapsed_ns >= RATE_WINDOW_NS:
            self.hz = self._frames * 1e9 / elapsed_ns
            self._frames, self._since_ns = 0, now_ns


def _queue_length() -> int:
    """How many datagrams the kernel keeps for one socket."""
    try:
        return int(QUEUE_LENGTH_FILE.read_text())
    except (OSError, ValueError):
        return USUAL_QUEUE


def _has_gone(name: str | bytes) -> bool:
    """Whether nobody has a socket of this name any more."""
    with datagram_socket() as line:
        return line.connect_ex(name) in NOBODY_THERE


def _remove_stale(path: Path) -> None:
    """Remove the socket of a drive that was killed; one that still listens is another drive's."""
    with datagram_socket() as line:
        try:
            line.connect(str(path))
        except OSError as error:
            if error.errno in NOBODY_THERE:
                if path.is_socket():
                    path.unlink(missing_ok=True)
                return
            raise UsageError(
                f"control socket {path}: {error.strerror}; set another in [arming] socket"
            ) from error
    raise UsageError(
        f"control socket {path}: another drive is running; "
        "stop it first: sudo systemctl stop paperlane"
    )


def _file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
