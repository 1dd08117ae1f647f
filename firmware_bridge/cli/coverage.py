"""``coverage``: which lines of the C core the directed script does not reach."""

from __future__ import annotations

import argparse

from firmware_bridge.cli.common import Subparsers, add_command, add_json, print_json
from firmware_bridge.verification.coverage import measure
from firmware_bridge.verification.differential_scripts import directed_script


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = add_command(
        subparsers,
        "coverage",
        "measure the line coverage of the firmware's C core",
        "coverage",
        run,
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the coverage; 1 when a line is missed."""
    coverage = measure(directed_script())
    reached = coverage.lines - len(coverage.missed)
    if args.json:
        print_json({"lines": coverage.lines, "reached": reached, "missed": list(coverage.missed)})
    else:
        print(f"{reached} of {coverage.lines} lines of the C core reached")
        for line in coverage.missed:
            print(f"never reached: {line}")
    return 1 if coverage.missed else 0
