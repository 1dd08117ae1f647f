"""``python -m simulator``: make training data, drive, and evaluate in closed loop."""

from __future__ import annotations

import sys

import cv2

from controller.cli.common import make_parser, run_command
from simulator.cli.data import add_benchmark, add_dataset, add_reference, add_sheet
from simulator.cli.drive import add_drive, add_endure, add_evaluate, add_sweep


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    parser = make_parser(
        "python -m simulator",
        "A world to drive in, without a car.",
        "python -m simulator drive --track oval --out out/drive",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_drive(commands)
    add_evaluate(commands)
    add_sweep(commands)
    add_endure(commands)
    add_dataset(commands)
    add_sheet(commands)
    add_reference(commands)
    add_benchmark(commands)
    # Pictures of 45x80 are too small to share out: threads would only wait for each other.
    cv2.setNumThreads(1)
    return run_command(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
