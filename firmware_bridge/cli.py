"""What the subcommands of ``python -m firmware_bridge`` share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

Run = Callable[[argparse.Namespace], int]


def add_command(
    subparsers: Subparsers, name: str, summary: str, example: str, run: Run
) -> argparse.ArgumentParser:
    """Add a subcommand.

    Args:
        subparsers: Where to.
        name: Its name.
        summary: What it does, in a line.
        example: A command line without ``python -m firmware_bridge``.
        run: Takes the arguments, returns the exit code.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  python -m firmware_bridge {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")


def print_json(figures: Mapping[str, object]) -> None:
    """Print figures as one JSON object on one line."""
    print(json.dumps(figures, sort_keys=True), flush=True)


def positive_int(text: str) -> int:
    """A count from a command line; ``1e8`` is one too.

    Raises:
        argparse.ArgumentTypeError: It is no whole number above 0.
    """
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not number.is_integer() or number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(number)


def positive_float(text: str) -> float:
    """A figure above 0 from a command line.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number
