"""``python -m firmware_bridge``: the serial line and the firmware from the command line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from firmware_bridge.errors import BridgeError
from firmware_bridge.text import log_to_stderr, printable, printable_output

COMMANDS = {
    "monitor": "monitor",
    "send": "send",
    "check": "check",
    "bench": "bench",
    "build": "build",
    "flash": "build",
    "emulate": "emulate",
    "vectors": "vectors",
    "fuzz": "fuzz",
    "faults": "faults",
    "coverage": "coverage",
    "mutants": "mutants",
}
"""Command -> its module in `firmware_bridge.cli`, in the order of ``--help``."""


def make_parser(first: str | None = None) -> argparse.ArgumentParser:
    """The tree of subcommands.

    Args:
        first: The command line's first word. Where it is a command, only that one's module is
            loaded: a car has no use for an emulator or a fuzzer.
    """
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge",
        description="The serial line to the car's microcontroller, and its firmware.",
        epilog="example:\n  python -m firmware_bridge monitor /dev/ttyACM0",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    modules = [COMMANDS[first]] if first in COMMANDS else COMMANDS.values()
    for module in dict.fromkeys(modules):
        importlib.import_module(f"firmware_bridge.cli.{module}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 done, 1 it ran and fell short, 2 wrong usage or input.
    """
    with printable_output():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    log_to_stderr(logging.WARNING, "%(levelname)s %(name)s: %(message)s")
    words = sys.argv[1:] if argv is None else list(argv)
    args = make_parser(words[0] if words else None).parse_args(words)
    try:
        code: int = args.run(args)
        sys.stdout.flush()  # here, where it can still be said that it could not be written
    except BridgeError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _give_up_output()  # whoever read it has enough of it
        return 0
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        said = printable(f"{where}{error.strerror or error}")
        print(f"error: cannot go on: {said}", file=sys.stderr)
        _give_up_output()
        return 2
    return code


def _give_up_output() -> None:
    """Keep the interpreter from flushing, as it ends, into what takes nothing any more."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # an output without a descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
