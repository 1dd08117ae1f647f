"""What the command lines of `training` and `export` share: arguments, data, exit codes."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from controller.cli.common import FELL_SHORT, WRONG_USAGE
from controller.errors import ControllerError, DataError, UsageError
from controller.recording.frameset import FrameSet
from firmware_bridge.errors import BridgeError
from training.data.pool import Pool
from training.data.registry import open_dataset
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


def open_pool(
    paths: Sequence[Path],
    shape: tuple[int, int] | None,
    change: Callable[[FrameSet], FrameSet] = lambda frames: frames,
) -> Pool:
    """Open several data sets as one, and say on stderr what each had and dropped.

    Args:
        paths: The data sets.
        shape: Height and width of the frames wanted, in pixels; None for the first set's own.
        change: What each frame set goes through, such as new labels.
    """
    sets = []
    for path in paths:
        frames = change(open_dataset(path, shape))
        dropped = ", ".join(f"{count} {reason}" for reason, count in frames.dropped.items())
        note = f"; dropped: {dropped}" if dropped else ""
        print(f"{path}: {len(frames)} frames{note}", file=sys.stderr)
        sets.append(frames)
        shape = shape or frames.shape
    return Pool.of(sets)


def run_command(work: Callable[[], int]) -> int:
    """Run a command's work and turn its errors into one line and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        return work()
    except (UsageError, DataError, SpecError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USAGE
    except (ControllerError, BridgeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FELL_SHORT
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
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
    return int(getattr(import_module(module), function)(arguments))
