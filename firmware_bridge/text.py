"""What others wrote, made fit to be printed: metadata, names of files, answers of programs.

A terminal obeys escape sequences wherever they come from (they rename its window, overwrite what
was said, on some do worse), and the marks of right-to-left writing show a name backwards. All that
is printed goes through `printable_output`; text that should stay on its line through `printable`.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

_KEPT_IN_OUTPUT = "\n\t"


def printable(text: object, keep: str = "") -> str:
    r"""Text in which every character that does not simply print is written out, as ``\u001b``.

    That is: control characters, new lines among them, the marks that turn the direction of writing,
    invisible ones, and other spaces than the usual.

    Args:
        text: Anything; its `str` is taken.
        keep: Characters that are left as they are all the same.
    """
    said = str(text)
    if said.isprintable():
        return said
    return "".join(
        letter if letter.isprintable() or letter in keep else _written_out(letter)
        for letter in said
    )


def _written_out(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _Cleaned:
    """A text stream that passes on what is printable."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - whatever stands in sys.stdout
        self.uncleaned = stream

    def write(self, text: str) -> int:
        self.uncleaned.write(printable(text, _KEPT_IN_OUTPUT))
        return len(text)

    def writelines(self, lines: Any) -> None:  # noqa: ANN401 - as of io.TextIOBase
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self.uncleaned, name)


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Clean all that is printed meanwhile, on standard output and standard error."""
    with (
        contextlib.redirect_stdout(_Cleaned(sys.stdout)),
        contextlib.redirect_stderr(_Cleaned(sys.stderr)),
    ):
        yield


def rewrite_line(line: str) -> None:
    """Print a line in the place of the last one: the one escape sequence that we mean."""
    stream = getattr(sys.stdout, "uncleaned", sys.stdout)
    stream.write(f"\r\x1b[K{printable(line)}")
    stream.flush()


class OneLineFormatter(logging.Formatter):
    """Keeps each message on its line; a traceback below it has lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """See `logging.Formatter`."""
        record.message = printable(record.message)
        return super().formatMessage(record)


def log_to_stderr(level: int, form: str) -> None:
    """Configure logging, once for the process.

    Args:
        level: From which on.
        form: As of `logging.Formatter`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])
