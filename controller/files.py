"""Files that somebody else wrote, read up to a bound."""

from __future__ import annotations

import errno
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a file that may hold so many and no more; devices and pipes end there too.

    Args:
        path: The file.
        most: Bytes.

    Raises:
        OSError: If it cannot be read, or holds more (EFBIG).
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"holds more than {most} bytes, which none of its kind does")
    return content


def read_text_bounded(path: Path, most: int) -> str:
    """The same as UTF-8 text.

    Raises:
        OSError: As `read_bounded`.
        UnicodeDecodeError: If it is no UTF-8.
    """
    return read_bounded(path, most).decode()
