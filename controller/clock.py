"""Time, as a thing that is passed in: monotonic nanoseconds, real or virtual."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time. Nothing in the runtime reads the time in any other way."""

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary origin; never goes back."""
        ...

    def sleep_until(self, time_ns: int) -> None:
        """Come back when it is `time_ns`; at once if that has passed."""
        ...


class MonotonicClock:
    """The machine's own monotonic clock (CLOCK_MONOTONIC: a step of the wall clock is not seen)."""

    def now_ns(self) -> int:
        """Nanoseconds since boot."""
        return time.monotonic_ns()

    def sleep_until(self, time_ns: int) -> None:
        """Sleep until `time_ns`; at once if that has passed."""
        wait_ns = time_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)


class VirtualClock:
    """A clock that stands still until somebody moves it on: replays and simulations own one."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The time it was last moved to, in ns."""
        return self._now_ns

    def sleep_until(self, time_ns: int) -> None:
        """Sleeping takes no time here: the clock moves on to `time_ns`."""
        self.advance_to(time_ns)

    def advance_to(self, time_ns: int) -> None:
        """Move on to a time, in ns; a time in the past is ignored, time never goes back."""
        self._now_ns = max(self._now_ns, time_ns)
