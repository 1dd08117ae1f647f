"""Arming from outside: a Unix socket through which other processes reach a running drive.

One datagram holds one word, ``arm``, ``disarm`` or ``status``; the answer is one JSON object that
says how the drive stands after it. The loop's own thread looks into the socket after each command
that it sent, without waiting, so there is no thread that could get in its way and nothing that a
client does or leaves undone can hold the car up. Whoever may write to the socket's file may arm:
its group decides. An order to arm whose asker has gone is not obeyed: it was told that the drive
does not answer, and the car would move, when its loop goes on, as nobody expects.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from controller.cycle import Cycle
from controller.drive.supervisor import Supervisor
from controller.errors import ControllerError, UsageError

_log = logging.getLogger(__name__)

DEFAULT_SOCKET = "/run/paperlane/control"
"""In the service's RuntimeDirectory."""
LONGEST_PATH_BYTES = 107
"""``sun_path`` holds 108 with the final zero, unix(7)."""
LONGEST_REQUEST_BYTES = 64
MOST_REQUESTS = 16
"""Requests taken after one command: a flood costs the loop a tenth of a millisecond, not more."""
SOCKET_MODE = 0o660
ANSWER_TIMEOUT_S = 2.0
"""How long a client waits: a loop that is alive looks every 150 ms."""
RATE_WINDOW_NS = 1_000_000_000
_WANTED = f"give the control socket of a drive, such as {DEFAULT_SOCKET}"
_NOBODY_THERE = (errno.ECONNREFUSED, errno.ENOENT)


class ControlError(ControllerError):
    """No running drive answers."""


class NoSocketError(ControlError, UsageError):
    """A path that can be none of a control socket. Commands end with exit code 2."""


class NotAllowedError(ControlError):
    """This user may not ask the drive."""


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
        self._path = Path(path) if path else None
        self._supervisor = supervisor
        self._socket: socket.socket | None = None
        self._file_id: tuple[int, int] | None = None
        self._frames = 0
        self._rate = _Rate()
        self._orders: dict[bytes, Callable[[], None]] = {
            b"arm": supervisor.arm,
            b"disarm": supervisor.disarm,
            b"status": lambda: None,
        }

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
        listener = _datagram_socket()
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
        for _ in range(MOST_REQUESTS):
            try:
                request, sender = self._socket.recvfrom(LONGEST_REQUEST_BYTES + 1)
            except OSError:  # nothing there, most often
                return
            self._answer(self._socket, request, sender, cycle)

    def _answer(
        self, line: socket.socket, request: bytes, sender: str | bytes | None, cycle: Cycle
    ) -> None:
        # A longer one was cut off: what is left of it may read as an order, but is none.
        word = request.strip() if len(request) <= LONGEST_REQUEST_BYTES else b""
        if word == b"arm" and sender and _has_gone(sender):
            _log.info("not armed: whoever asked for it has given up waiting")
            return
        order = self._orders.get(word)
        before = self._supervisor.state
        if order is not None:
            order()
        if self._supervisor.state is not before:
            _log.info("%s by the control socket", self._supervisor.state.value)
        if not sender:
            return  # sent from a socket without a name: nobody waits for an answer
        answer = self._facts(cycle)
        if order is None:
            known = ", ".join(name.decode() for name in self._orders)
            answer = {"error": f"not a request; there are {known}", **answer}
        with contextlib.suppress(OSError):  # the asker has gone, or does not read
            line.sendto(json.dumps(answer).encode(), sender)

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
        }


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


def ask(path: str, word: str, timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, Any]:
    """Ask a running drive.

    Args:
        path: Its control socket.
        word: ``arm``, ``disarm`` or ``status``.
        timeout_s: How long to wait for the answer.

    Returns:
        How it stands after that: the state's name under ``state``, the reason under ``reason``, and
        the figures of its last cycle.

    Raises:
        NoSocketError: The path is none of a control socket.
        NotAllowedError: This user may not ask it.
        ControlError: There is no drive, or it does not answer.
    """
    _check_path(path)
    with _datagram_socket() as line:
        line.settimeout(timeout_s)
        try:
            line.bind("")  # the kernel picks a name that the answer can be sent to
            line.connect(path)  # from here on nobody else can answer
            line.send(word.encode())
            answer = json.loads(line.recv(65536))
        except TimeoutError as error:
            raise ControlError(
                f"{path}: the drive does not answer within {timeout_s} s; "
                "see `systemctl status paperlane`"
            ) from error
        except PermissionError as error:
            raise NotAllowedError(
                f"{path}: this user may not arm the car; join its group: "
                "sudo adduser $USER paperlane, then log in again"
            ) from error
        except OSError as error:
            if error.errno == errno.EPROTOTYPE:
                raise NoSocketError(f"{path}: another program's socket, {_WANTED}") from error
            raise ControlError(
                f"{path}: no drive is running ({error.strerror}); "
                "start it: sudo systemctl start paperlane"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ControlError(f"{path}: what answers is no drive of ours: {error}") from error
    if not isinstance(answer, dict) or not answer.keys() >= {"state", "reason"}:
        raise ControlError(f"{path}: what answers is no drive of ours: {answer!r}")
    return answer


def _check_path(path: str) -> None:
    """Refuse what cannot be a control socket's path; whether anyone listens is not looked at."""
    if not path:
        raise NoSocketError(f"'' names no control socket: {_WANTED}")
    if len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise NoSocketError(f"socket is longer than {LONGEST_PATH_BYTES} bytes: {path}; {_WANTED}")
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a socket's path is no Path here
    except NotADirectoryError as error:
        raise NoSocketError(
            f"{path}: a file stands where its folder should be; {_WANTED}"
        ) from error
    except (OSError, ValueError):
        return  # connecting says what is the matter
    if not stat.S_ISSOCK(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a file"
        raise NoSocketError(f"{path}: {what}, no socket; {_WANTED}")


def _datagram_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _has_gone(name: str | bytes) -> bool:
    """Whether nobody has a socket of this name any more."""
    with _datagram_socket() as line:
        return line.connect_ex(name) in _NOBODY_THERE


def _remove_stale(path: Path) -> None:
    """Remove the socket of a drive that was killed; one that still listens is another drive's."""
    with _datagram_socket() as line:
        try:
            line.connect(str(path))
        except OSError as error:
            if error.errno in _NOBODY_THERE:
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
