"""What the command lines of `training` and `export` share: arguments, data, exit codes."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from controller.cli.common import FELL_SHORT, WRONG_USAGE
from controller.errors import ControllerError, DataError, UsageError
from firmware_bridge.errors import BridgeError
from firmware_bridge.text import log_to_stderr, printable, printable_output
from training.errors import SpecError


def size_argument(text: str) -> tuple[int, int]:
    """Parse ``HEIGHTxWIDTH``, such as ``45x80``."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or min(int(match[1]), int(match[2])) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 45x80")
    return int(match[1]), int(match[2])


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run_command(work: Callable[[], int]) -> int:
    """Run a command's work and turn its errors into one line and an exit code."""
    log_to_stderr(logging.WARNING, "%(name)s: %(message)s")
    try:
        return work()
    except (UsageError, DataError, SpecError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE
    except (ControllerError, BridgeError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return FELL_SHORT
    except OSError as error:
        said = printable(f"{error.filename or ''}: {error.strerror or error}")
        print(f"error: {said}", file=sys.stderr)
        return WRONG_USAGE
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed; pip install '.[train]'", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where it can", file=sys.stderr)
        return FELL_SHORT


def dispatch(argv: Sequence[str] | None, commands: Mapping[str, str], default: str) -> int:
    """Hand the command line to a subcommand's module, or to the default's.

    Args:
        argv: Arguments; None for the process' own.
        commands: Subcommand -> ``module:function`` with ``function(argv) -> int``.
        default: The same for a command line that names no subcommand.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    target = default
    if arguments and arguments[0] in commands:
        target = commands[arguments.pop(0)]
    module, function = target.split(":")
    with printable_output():
        return int(getattr(import_module(module), function)(arguments))
