"""The asking end of the control socket, see `controller.service.control`."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from typing import Any

from controller.errors import ControllerError, UsageError

DEFAULT_SOCKET = "/run/paperlane/control"
"""In the service's RuntimeDirectory."""
LONGEST_PATH_BYTES = 107
"""``sun_path`` holds 108 with the final zero, unix(7)."""
ANSWER_TIMEOUT_S = 2.0
"""How long a client waits: a loop that is alive looks every 150 ms."""
NOBODY_THERE = (errno.ECONNREFUSED, errno.ENOENT)
_WANTED = f"give the control socket of a drive, such as {DEFAULT_SOCKET}"


class ControlError(ControllerError):
    """No running drive answers."""


class NoSocketError(ControlError, UsageError):
    """A path that can be none of a control socket. Commands end with exit code 2."""


class NotAllowedError(ControlError):
    """This user may not ask the drive."""


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
    with datagram_socket() as line:
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


def datagram_socket() -> socket.socket:
    """A socket of the kind that both ends use."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
