"""What the packages' command lines share: one way to say what went wrong, one to print figures."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from controller.errors import ControllerError, UsageError
from firmware_bridge.cli.common import print_json
from firmware_bridge.errors import BridgeError
from firmware_bridge.text import log_to_stderr, printable, printable_output

__all__ = [
    "DONE",
    "FELL_SHORT",
    "WRONG_USAGE",
    "add_command",
    "make_parser",
    "print_json",
    "run_command",
]

DONE, FELL_SHORT, WRONG_USAGE = 0, 1, 2
"""Exit codes: done; it ran and fell short or a device failed; wrong usage or input."""


def make_parser(prog: str, description: str, example: str) -> argparse.ArgumentParser:
    """A command line's own parser, its ``--help`` ending with an example."""
    return argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_command(
    commands: Any,  # noqa: ANN401 - argparse's own type is private
    name: str,
    run: Callable[[argparse.Namespace], int],
    help_text: str,
    example: str,
) -> argparse.ArgumentParser:
    """Add a subcommand whose ``--help`` ends with an example.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gave.
        name: The subcommand.
        run: Called with the parsed arguments; gives the exit code.
        help_text: One sentence.
        example: A command line that works.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_text,
        description=help_text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def run_command(parser: argparse.ArgumentParser, argv: list[str] | None) -> int:
    """Parse, configure logging, run; errors of ours become one line on standard error.

    Returns:
        The exit code. `argparse` itself exits with 2 on wrong usage.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be any bytes
    with printable_output():
        return _run(parser, argv)


def _run(parser: argparse.ArgumentParser, argv: list[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    try:
        "".join(words).encode()
    except UnicodeEncodeError:  # OpenCV would end the process, no JSON or terminal could show it
        parser.error("a name that is not UTF-8: rename the file")
    arguments = parser.parse_args(words)
    log_to_stderr(logging.INFO, "%(message)s")
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()  # a full disk shows here, not in a traceback at exit
        return code
    except (UsageError, BridgeError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE
    except ControllerError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return FELL_SHORT
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return FELL_SHORT
    except BrokenPipeError:
        # Whoever read our output has enough of it; keep the interpreter from flushing into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE if error.errno == errno.ENAMETOOLONG else FELL_SHORT
