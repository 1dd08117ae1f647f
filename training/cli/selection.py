"""The arguments that name a training command's data."""

from __future__ import annotations

import argparse
from pathlib import Path

from controller.frames import REFERENCE_SHAPE
from training.cli.common import size_argument
from training.runs.selection import Selection


def add_data_arguments(
    parser: argparse.ArgumentParser, *, out: bool = True, size: bool = True
) -> None:
    """Add ``--data``, ``--held-out``, ``--size``, how frames get their labels, and ``--out``."""
    add = parser.add_argument
    add(
        "--data",
        action="append",
        type=Path,
        required=True,
        metavar="DIR",
        help="a data set to train on (tub, .npy folder, frame set); may be repeated",
    )
    add(
        "--held-out",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="a drive to judge on; without one the last drive, or the end of the only drive",
    )
    if out:
        add("--out", type=Path, required=True, metavar="DIR", help="where runs are written")
    if size:
        add(
            "--size",
            type=size_argument,
            default=REFERENCE_SHAPE,
            metavar="HxW",
            help="frames' height and width in pixels (45x80)",
        )
    add(
        "--smooth-ms",
        type=float,
        metavar="MS",
        help="label training frames by their steering averaged over so long (drivers tap)",
    )
    add(
        "--turn-at",
        type=float,
        metavar="SHARE",
        help="steering that counts as a turn, of full lock (0.2); labels training frames anew",
    )


def selection_of(args: argparse.Namespace, split: str = "blocks", seed: int = 0) -> Selection:
    """The data that a command line names, to be split in one way or another."""
    smooth_ms, turn_at = args.smooth_ms, args.turn_at
    return Selection(args.data, args.held_out, args.size, split, seed, smooth_ms, turn_at)
