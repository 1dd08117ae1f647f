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


MOST_COUNTED = 10**15
"""Largest count: whole numbers are exact as floats up to here, and no run gets this far."""
MOST_JOBS = 1000
LARGEST_SEED = 2**63 - 1


def positive_int(text: str) -> int:
    """A count from a command line; ``1e8`` is one too.

    Raises:
        argparse.ArgumentTypeError: It is no whole number from 1 to 1e15.
    """
    return _whole(text, MOST_COUNTED, "1e15")


def job_count(text: str) -> int:
    """A number of processes from a command line.

    Raises:
        argparse.ArgumentTypeError: It is no whole number from 1 to 1000.
    """
    return _whole(text, MOST_JOBS, str(MOST_JOBS))


def seed_number(text: str) -> int:
    """A seed from a command line.

    Raises:
        argparse.ArgumentTypeError: It is no whole number from 1 to 2**63 - 1.
    """
    return _whole(text, LARGEST_SEED, "2**63 - 1")


def _whole(text: str, most: int, most_text: str) -> int:
    try:
        number = int(text)  # exact, as a float of 2**53 and more is not
    except ValueError:
        try:
            value = float(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
        number = int(value) if value.is_integer() else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most_text}")
    return number


def positive_float(text: str) -> float:
    """A figure above 0 from a command line, such as seconds.

    Raises:
        argparse.ArgumentTypeError: It is none, or beyond 1e9, which no timer takes.
    """
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < number <= 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and up to 1e9")
    return number
