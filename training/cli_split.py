"""The data of a training command: which arguments name it, and how it is split."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from controller.frames import REFERENCE_SHAPE
from training.cli import open_pool, size_argument
from training.splits import by_blocks, by_drive, last_block, shuffled
from training.trainer import Split

VALIDATION_SHARE = 0.1


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``, ``--held-out``, ``--out`` and ``--size``."""
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
    add("--out", type=Path, required=True, metavar="DIR", help="where runs are written")
    add(
        "--size",
        type=size_argument,
        default=REFERENCE_SHAPE,
        metavar="HxW",
        help="frames' height and width in pixels (45x80)",
    )


def make_split(args: argparse.Namespace) -> Split:
    """Open the data and split it as the command line says.

    Raises:
        DataError: If a data set cannot be opened.
        SpecError: If it is too small to be split.
    """
    pool = open_pool(args.data, args.size)
    if args.held_out:
        held, how = open_pool(args.held_out, args.size), "held out: as named"
    elif len(pool.drives_present) > 1:
        name = pool.drives_present[-1]
        pool, held = by_drive(pool, name)
        how = f"held out: {name}, the last drive, since none was named"
    else:
        pool, held = last_block(pool)
        how = "held out: the last fifth of the only drive, since none was named"
    if args.split == "seed-shuffled":
        pool, validation = shuffled(pool, VALIDATION_SHARE, args.seed)
        how += "; validation: seed-shuffled frames (near-copies of training frames: flatters)"
    else:
        pool, validation = by_blocks(pool, VALIDATION_SHARE)
        how += "; validation: blocks of time of the training drives"
    print(how, file=sys.stderr)
    return Split(pool, validation, held, how)
