"""What the service manager hears of a drive: ready, alive, stopping, and a line on how it goes.

systemd's notification protocol (sd_notify(3)) without its library: datagrams of ``KEY=VALUE`` lines
to the socket that ``$NOTIFY_SOCKET`` names. The socket never blocks and no failure of it is an
error of the drive: a service manager that cannot be reached must not stop the car, and one that
hears nothing will restart it.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from controller.cycle import Cycle, Reason, State
from firmware_bridge.text import printable

_log = logging.getLogger(__name__)

PINGS_PER_DEADLINE = 4
"""Pings in one watchdog period. sd_watchdog_enabled(3) recommends two; with four, one that is late
by a whole frame and one that is lost still leave one in time."""
STATE_LOG_NS = 1_000_000_000
"""Shortest time between two lines of `StateLog`, in ns."""
M_MMAP_THRESHOLD = -3
"""Of glibc's ``malloc.h``."""
BIG_BLOCK_BYTES = 128 * 1024
"""glibc's own first threshold, mallopt(3)."""
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
"""Of ``sys/mman.h``, the same on x86 and ARM."""


class Notifier:
    """The datagram socket to the service manager; does nothing where there is none."""

    def __init__(self, address: str) -> None:
        """Open the socket; nothing is sent yet.

        Args:
            address: An absolute path, an abstract name with ``@`` before it, or '' for no service
                manager. Other kinds of address (systemd can name a vsock) are said and ignored.
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self.lost = 0
        """Messages that could not be handed over."""
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        elif address:
            _log.warning("NOTIFY_SOCKET=%s: not a Unix socket, so nothing is notified", address)

    @property
    def listening(self) -> bool:
        """Whether there is a service manager to talk to."""
        return self._socket is not None

    def notify(self, *assignments: str) -> bool:
        """Send assignments such as ``READY=1`` in one message; never waits, never raises.

        Returns:
            Whether it was handed over; False without a service manager.
        """
        if self._socket is None:
            return False
        try:
            text = "\n".join(assignments).encode(errors="backslashreplace")
            self._socket.sendto(text, self._address)
        except OSError as error:
            if not self.lost:
                _log.warning("the service manager cannot be told %s: %s", assignments[0], error)
            self.lost += 1
            return False
        return True

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self.notify(f"STATUS={printable(' '.join(text.split()))}")

    def close(self) -> None:
        """Close the socket; from here on nothing is sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def watchdog_ns(environment: Mapping[str, str], process_id: int) -> int | None:
    """The service manager's deadline between two pings, in ns; None where it sets none.

    Args:
        environment: ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` of it are read, sd_watchdog_enabled(3).
        process_id: This process: a deadline meant for another one is none of ours.
    """
    usec = environment.get("WATCHDOG_USEC", "")
    if not usec.isdecimal() or int(usec) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(process_id)) != str(process_id):
        return None
    return int(usec) * 1000


class ServiceReport:
    """A sink of the loop that is the drive's sign of life; a context manager.

    ``READY=1`` goes out with the first frame that has become a command, and ``WATCHDOG=1`` with
    later ones, so that whatever keeps frames from becoming commands for a whole deadline (a camera
    that hangs, a model that does not come back, a stopped process) ends in a restart. A line that
    is down does not: the frame became a command, and a restart plugs nothing in.
    """

    def __init__(self, notifier: Notifier, deadline_ns: int | None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            notifier: The way to the service manager; closed on leaving.
            deadline_ns: The watchdog's deadline, see `watchdog_ns`.
        """
        self._notifier = notifier
        self._period_ns = None if deadline_ns is None else deadline_ns // PINGS_PER_DEADLINE
        self._due_ns: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The report to the service manager that started this process, if one did."""
        return cls(
            Notifier(environment.get("NOTIFY_SOCKET", "")), watchdog_ns(environment, os.getpid())
        )

    def line_to(self, otherwise: Callable[[str], None]) -> Callable[[str], None]:
        """Where a line a second belongs: the service's status, or `otherwise` without a service.

        A journal that gets one each second wears the SD card out and says nothing.
        """
        return self._notifier.status if self._notifier.listening else otherwise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._notifier.notify("STOPPING=1", f"STATUS={_closing_status(error)}")
        self._notifier.close()

    def __call__(self, cycle: Cycle) -> None:
        """See a cycle; say so where a sign of life is due."""
        if cycle.frame is None:
            return
        if self._due_ns is None:
            self._notifier.notify("READY=1", "WATCHDOG=1")
        elif self._period_ns is None or cycle.sent_ns < self._due_ns:
            return
        else:
            self._notifier.notify("WATCHDOG=1")
        self._due_ns = cycle.sent_ns + (self._period_ns or 0)


class StateLog:
    """A sink of the loop that says each change of the supervisor's state or reason.

    At most one line a second: what flickers in between is counted.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: tuple[State, Reason] | None = None
        self._last: tuple[State, Reason] | None = None
        self._unsaid = 0
        self._due_ns = 0

    def __call__(self, cycle: Cycle) -> None:
        """See a cycle; say it if it differs from what was said last."""
        now = (cycle.decision.state, cycle.decision.reason)
        if now != self._last:
            self._unsaid += 1
            self._last = now
        if not self._unsaid or cycle.sent_ns < self._due_ns:
            return
        more = f" ({self._unsaid - 1} more changes before)" if self._unsaid > 1 else ""
        if now != self._said or more:
            state, reason = now
            self._say(f"{state.value}: {reason.value}{more}")
        self._said, self._unsaid, self._due_ns = now, 0, cycle.sent_ns + STATE_LOG_NS


def _closing_status(error: BaseException | None) -> str:
    text = "stopped" if error is None else f"stopped by {type(error).__name__}: {error}"
    return printable(" ".join(text.split()))


def lock_memory() -> bool:
    """Keep this process's pages in memory, if the service manager lifted the limit on that.

    ``LimitMEMLOCK=infinity`` in the unit is how the owner asks for it; see ``realtime.conf``. Pages
    are locked as they are first used (MCL_ONFAULT, mlockall(2)), so unused stacks cost nothing.

    Returns:
        Whether they are locked.
    """
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return False
    import ctypes  # 10 ms that no other start has to pay

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        _log.warning("memory cannot be locked: %s", os.strerror(ctypes.get_errno()))
        return False
    return True


def give_back_memory() -> None:
    """Have each big block go back to the system when it is freed.

    Without this glibc learns from the recorder's compressor, which takes and frees a MiB a second,
    to keep such blocks for good (mallopt(3), M_MMAP_THRESHOLD). Other C libraries are left alone.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, BIG_BLOCK_BYTES)
