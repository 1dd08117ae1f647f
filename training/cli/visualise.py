"""``python -m training visualise``: what a network looks at, as pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from controller.cli.common import DONE, make_parser
from training.backend import load_model
from training.cli.common import add_json, run_command
from training.data.registry import open_pool
from training.errors import SpecError
from training.report.pictures import write_picture
from training.report.visualise import (
    activation_maps,
    draw_activation_sheet,
    shown_layers,
    write_maps,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw a frame's feature maps, and class-activation maps over frames."""
    parser = make_parser(
        "python -m training visualise",
        "Draw a frame's feature maps, tiled, a PNG for each block; and a sheet of frames with the\n"
        "class-activation map of each answer: red speaks for it, blue against it.",
        "python -m training visualise runs/first/sliced11 tubs/day1 --row 1200 --out pictures",
    )
    add = parser.add_argument
    add("model", type=Path, help="model.keras, or its run folder")
    add("data", type=Path, nargs="+", help="data sets")
    add("--out", type=Path, required=True, metavar="DIR", help="where to draw")
    add("--row", type=int, help="frame whose feature maps are drawn (the middle one)")
    add("--frames", type=int, default=16, help="frames on the sheet, evenly spaced (16)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _visualise(args))


def _visualise(args: argparse.Namespace) -> int:
    if args.frames < 1:
        raise SpecError(f"--frames {args.frames}: at least 1 is needed")
    model = load_model(args.model)
    shown_layers(model)
    pool = open_pool(args.data, tuple(model.input_shape[1:3]))
    row = len(pool) // 2 if args.row is None else args.row
    if not 0 <= row < len(pool):
        raise SpecError(f"--row {row}: the data has rows 0 to {len(pool) - 1}")
    rows = np.unique(np.linspace(0, len(pool) - 1, min(args.frames, len(pool))).astype(np.int64))
    frames = pool.gather(rows)
    maps, probabilities = activation_maps(model, frames)
    args.out.mkdir(parents=True, exist_ok=True)
    paths = write_maps(model, pool.gather(slice(row, row + 1))[0], f"row {row}", args.out)
    paths.append(args.out / "activation.png")
    write_picture(
        paths[-1], draw_activation_sheet(frames, pool.labels[rows], rows, maps, probabilities)
    )
    names = [str(path) for path in paths]
    print(json.dumps({"row": row, "pictures": names}) if args.json else "\n".join(names))
    return DONE
