"""Tells the supervisor of the computer's troubles, read by a slow thread of its own."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Self

from controller.cycle import Cycle
from controller.drive.supervisor import Supervisor
from controller.system.board import board_fault

_log = logging.getLogger(__name__)

PERIOD_S = 1.0
"""How often the files are read, in s."""


class BoardWatch:
    """A sink of the loop that tells the supervisor of the computer's troubles."""

    def __init__(self, supervisor: Supervisor, root: Path = Path("/")) -> None:
        """Nothing is read yet.

        Args:
            supervisor: Told from the thread that calls this sink.
            root: Where the computer's file system is.
        """
        self._supervisor = supervisor
        self._root = root
        self._fault: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PERIOD_S)

    def __call__(self, _cycle: Cycle) -> None:
        """Pass on what was read last."""
        self._supervisor.set_board_fault(self._fault is not None)

    def _run(self) -> None:
        while not self._over.is_set():
            fault = board_fault(self._root)
            if fault != self._fault:
                _log.warning("the computer: %s", fault or "all is well again")
            self._fault = fault
            self._over.wait(PERIOD_S)
