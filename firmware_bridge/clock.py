"""The one thing that this package asks of a clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Anything that tells a monotonic time; passed in, so that tests and simulations own it."""

    def now_ns(self) -> int:
        """Monotonic time in ns; its zero means nothing."""


class MonotonicClock:
    """The machine's own monotonic clock."""

    def now_ns(self) -> int:
        """Monotonic time in ns."""
        return time.monotonic_ns()
