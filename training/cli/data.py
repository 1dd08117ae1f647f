"""``python -m training import`` and ``inspect``: data sets on disk, and what is in them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from controller.frames import CLASS_NAMES, REFERENCE_SHAPE
from controller.recording.frameset import FrameSet
from training.cli.common import add_json, run_command, size_argument
from training.data.registry import import_dataset, open_dataset


def main_import(argv: Sequence[str] | None = None) -> int:
    """Turn recordings into frame sets."""
    parser = make_parser(
        "python -m training import",
        "Turn recordings of any known kind into frame sets: memory-mapped, with drive, time and\n"
        "steering kept, and a count of what was dropped and why. Each SRC becomes a folder of\n"
        "--out with its name.",
        "python -m training import tubs/t1 tubs/t2 --out frames",
    )
    parser.add_argument("source", type=Path, nargs="+", metavar="SRC", help="recordings")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to")
    parser.add_argument("--size", type=size_argument, default=REFERENCE_SHAPE, metavar="HxW",
                        help="frames' height and width in pixels (45x80)")  # fmt: skip
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _import(args))


def _import(args: argparse.Namespace) -> int:
    report = {}
    for source in args.source:
        out = args.out / source.resolve().name.removesuffix(".npy")
        frames = import_dataset(source, args.size, out)
        report[str(out)] = _counts(frames)
        if not args.json:
            _print_counts(str(out), frames)
    if args.json:
        print(json.dumps(report))
    return DONE


def main_inspect(argv: Sequence[str] | None = None) -> int:
    """Say and draw what a data set holds."""
    parser = make_parser(
        "python -m training inspect",
        "Print counts per class and drive, and what was dropped; with --out draw a contact sheet\n"
        "and a class histogram there.",
        "python -m training inspect tubs/t1 --out pictures",
    )
    parser.add_argument("data", type=Path, help="a data set of any known kind")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to draw")
    parser.add_argument("--size", type=size_argument, metavar="HxW", help="frames' size")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _inspect(args))


def _inspect(args: argparse.Namespace) -> int:
    frames = open_dataset(args.data, args.size)
    if args.json:
        print(json.dumps(_counts(frames)))
    else:
        _print_counts(str(args.data), frames)
    if args.out:
        from training.report.pictures import draw_contact_sheet, draw_histogram

        args.out.mkdir(parents=True, exist_ok=True)
        name = args.data.resolve().name
        for path in (
            draw_contact_sheet(frames, args.out / f"{name}-contact.png"),
            draw_histogram(frames, args.out / f"{name}-classes.png"),
        ):
            print(f"drawn: {path}", file=sys.stderr)
    return DONE


def _counts(frames: FrameSet) -> dict[str, Any]:
    drives = {}
    for index, name in enumerate(frames.drive_names):
        labels = frames.labels[frames.drives == index]
        counts = {cls: int((labels == value).sum()) for value, cls in enumerate(CLASS_NAMES)}
        counts["unlabelled"] = len(labels) - sum(counts.values())
        drives[name] = counts
    return {
        "frames": len(frames),
        "height": frames.shape[0],
        "width": frames.shape[1],
        "drives": drives,
        "dropped": dict(frames.dropped),
    }


def _print_counts(title: str, frames: FrameSet) -> None:
    facts = _counts(frames)
    print(f"{title}: {facts['frames']} frames of {facts['height']}x{facts['width']}")
    columns = (*CLASS_NAMES, "unlabelled")
    print(f"  {'drive':<16}" + "".join(f"{column:>12}" for column in columns))
    for name, counts in facts["drives"].items():
        print(f"  {name:<16}" + "".join(f"{counts[column]:>12}" for column in columns))
    for reason, count in facts["dropped"].items():
        print(f"  dropped {count:>6}  {reason}")
