"""Signals that ask the process to end: the car stops first, then the process ends by itself."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""The service manager, Ctrl-C, a terminal or an ssh session that goes away, Ctrl-\\."""


@contextlib.contextmanager
def stop_on_signals(on_stop: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Catch the signals that end a process; gives a function that says whether one has come.

    A signal that the caller of the process has set to be ignored (``nohup``) stays so.

    Args:
        on_stop: Called by the handler, at any moment: it may only set a flag.
    """
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        on_stop()
        came.append(number)

    taken = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in taken}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
