"""The data of a training command: which arguments name it, and how it is split."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from controller.frames import REFERENCE_SHAPE
from controller.recording.frameset import FrameSet
from training.cli.common import open_pool, size_argument
from training.data.labels import relabel
from training.data.records import TURN_AT
from training.data.splits import by_blocks, by_drive, last_block, shuffled
from training.errors import SpecError
from training.runs.trainer import Split

VALIDATION_SHARE = 0.1


def add_data_arguments(
    parser: argparse.ArgumentParser, *, out: bool = True, size: bool = True
) -> None:
    """Add ``--data``, ``--held-out``, ``--size``, how frames get their labels, and ``--out``."""
    add = parser.add_argument
    parser.set_defaults(split="blocks")
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


def make_split(args: argparse.Namespace) -> Split:
    """Open the data and split it as the command line says.

    Raises:
        DataError: If a data set cannot be opened.
        SpecError: If it is too small to be split.
    """
    relabelled, change = _relabelling(args)
    pool = open_pool(args.data, args.size, change)
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
    how += relabelled
    print(how, file=sys.stderr)
    return Split(pool, validation, held, how)


def _relabelling(args: argparse.Namespace) -> tuple[str, Callable[[FrameSet], FrameSet]]:
    """How training frames get their labels: in words, and as what a frame set goes through."""
    if args.smooth_ms is None and args.turn_at is None:
        return "", lambda frames: frames
    smooth_ms = 0.0 if args.smooth_ms is None else args.smooth_ms
    turn_at = TURN_AT if args.turn_at is None else args.turn_at
    if not 0.0 <= smooth_ms < math.inf or not 0.0 < turn_at <= 1.0:
        raise SpecError(
            f"--smooth-ms {smooth_ms} and --turn-at {turn_at}: a time of at least 0, and a share "
            "above 0 and at most 1"
        )
    words = f"; labels from steering of {turn_at} and more, averaged over {smooth_ms:g} ms"
    return words, lambda frames: relabel(frames, smooth_ms, turn_at)
