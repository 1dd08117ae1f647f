"""Cycles for whoever listens: a bounded queue for each listener, which drops and counts."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator

from controller.cycle import Cycle

WAITING = 64
"""Cycles that may wait for one listener: 2 s at 30 Hz."""
MOST_LISTENERS = 4


class Listener:
    """One end of a stream; what it is too slow for is dropped."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Cycle] = queue.Queue(WAITING)
        self.dropped = 0
        """Cycles that it has not seen, because so many waited."""

    def offer(self, cycle: Cycle) -> None:
        """Hand a cycle over; returns at once."""
        try:
            self._queue.put_nowait(cycle)
        except queue.Full:
            self.dropped += 1

    def next(self, timeout_s: float) -> Cycle | None:
        """The oldest cycle not yet given; None if none came in time."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


class Listeners:
    """A sink of the loop that passes cycles on to those who listen now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for those who come and go; the loop never takes it
        self._all: tuple[Listener, ...] = ()

    def __call__(self, cycle: Cycle) -> None:
        """Offer a cycle to each."""
        for listener in self._all:
            listener.offer(cycle)

    @contextlib.contextmanager
    def join(self) -> Iterator[Listener | None]:
        """Listen for as long as this is open; None if `MOST_LISTENERS` do already."""
        with self._lock:
            full = len(self._all) >= MOST_LISTENERS
            listener = Listener()
            self._all += () if full else (listener,)
        try:
            yield None if full else listener
        finally:
            with self._lock:
                self._all = tuple(other for other in self._all if other is not listener)
