"""A serial line without hardware: a pseudo-terminal that looks like a serial device."""

from __future__ import annotations

import os
import pty
import tty
from pathlib import Path
from typing import Self

from firmware_bridge.errors import EmulatorError


class PtyLine:
    """The device's end of a pseudo-terminal; a context manager.

    Like a USB serial adapter it neither waits nor keeps: what nobody reads is lost.

    Attributes:
        path: What to open at the other end.
    """

    def __init__(self, link: Path | None = None) -> None:
        """Make one.

        Args:
            link: Where to put a symbolic link to it, so that its name is known beforehand.

        Raises:
            EmulatorError: Something else than a symbolic link stands at `link`.
        """
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link = link
        self.path = os.ttyname(self._slave)
        if link is not None:
            self._make_link(link)
            self.path = str(link)

    def _make_link(self, link: Path) -> None:
        try:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(self.path)
        except OSError as error:
            self._link = None
            self.close()
            raise EmulatorError(f"cannot make the link {link}: {error}") from error

    def read(self) -> bytes:
        """What the other end has written since last asked."""
        try:
            return os.read(self._master, 65536)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        """Send to the other end; returns how many bytes fitted, the rest is lost."""
        try:
            return os.write(self._master, data) if data else 0
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Take the device away, as pulling the plug does."""
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link = None
        os.close(self._master)
        os.close(self._slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
