"""``python -m export MODEL.keras``: convert, check, compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.cli.common import DONE, FELL_SHORT, make_parser
from export.convert.calibration import DEFAULT_FRAMES
from export.convert.formats import parse_formats
from export.errors import ExportUsageError
from export.exporter import ExportJob, export_model
from export.facts import read_run
from export.parity.compare import Exported, remedy
from export.parity.report import report_text
from training.backend import find_model_file, load_model
from training.cli.common import add_json, run_command
from training.data.registry import open_pool


def main(argv: Sequence[str] | None = None) -> int:
    """Export a model."""
    parser = make_parser(
        "python -m export",
        "Convert a trained network to TFLite, write a card beside each file, and compare each\n"
        "with Keras on held-out frames, run as on the car. Ends with 1 where int8 agrees in less\n"
        "than 99 % of the frames or loses more than 0.5 points of accuracy.\n"
        "Subcommands, each with its own --help: card, bench, study.",
        "python -m export runs/first/sliced11/model.keras --calibration tubs/t1 "
        "--held-out tubs/day1 --out exported",
    )
    add = parser.add_argument
    add("model", type=Path, help="model.keras, or its run folder")
    add(
        "--calibration",
        type=Path,
        action="append",
        required=True,
        metavar="DATA",
        help="frames for the quantiser, from training drives; may be repeated",
    )
    add(
        "--held-out",
        type=Path,
        action="append",
        default=[],
        metavar="DATA",
        help="drives to compare on; those that the run held out by name if left out",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where to write")
    add(
        "--formats",
        default="float32,int8",
        metavar="NAMES",
        help="of float32, float16, dynamic, int8, int8x16 (float32,int8)",
    )
    add(
        "--name",
        help="what people call it (the run's name); the files are NAME-FORMAT.tflite, "
        "or NAME.tflite where one format is asked for",
    )
    add("--frames", type=int, default=DEFAULT_FRAMES, help="calibration frames to draw (300)")
    add(
        "--nearest",
        action="store_true",
        help="round each weight to the nearest step, as the converter does by itself, to compare",
    )
    add(
        "--forward-weight",
        type=float,
        default=1.0,
        metavar="W",
        help="the car multiplies forward's probability by it: above 1 it turns later (1)",
    )
    add(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="compare on every N-th held-out frame, for slow networks (1)",
    )
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _export(args))


def _export(args: argparse.Namespace) -> int:
    formats = parse_formats(args.formats)
    if args.frames < 1:
        raise ExportUsageError(f"--frames {args.frames}: at least 1 is needed")
    if args.every < 1:
        raise ExportUsageError(f"--every {args.every}: at least 1")
    find_model_file(args.model)
    held_paths = args.held_out or _held_out_of_run(args.model)
    shape = tuple(load_model(args.model).input_shape[1:3])
    job = ExportJob(
        args.model,
        open_pool(args.calibration, shape),
        open_pool(held_paths, shape).every(args.every),
        args.out,
        formats,
        args.name or _name(args.model),
        args.frames,
        nearest=args.nearest,
        forward_weight=args.forward_weight,
    )
    export = export_model(job)
    if args.json:
        print(json.dumps({result.form: result.as_json() for result in export.results}))
    else:
        print(report_text(export.results, export.layers, job.held_out))
    return _verdict(export.results, args.frames)


def _held_out_of_run(model: Path) -> list[Path]:
    named = read_run(model).get("configuration", {}).get("held_out", [])
    paths = [Path(name) for name in named]
    if not paths or not all(path.exists() for path in paths):
        raise ExportUsageError(
            f"{model}: no run beside it names held-out drives that are there; name them: --held-out"
        )
    return paths


def _name(model: Path) -> str:
    name = read_run(model).get("configuration", {}).get("network", {}).get("name")
    return str(name or model.stem)


def _verdict(results: Sequence[Exported], frames: int) -> int:
    code = DONE
    for item in results:
        if item.form == "int8" and not item.parity.good:
            print(f"fell short: {remedy(item.form, item.parity, frames)}", file=sys.stderr)
            code = FELL_SHORT
    return code
