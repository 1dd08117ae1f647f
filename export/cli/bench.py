"""``python -m export bench``: how fast files run on this machine."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from controller.cli.common import DONE, make_parser
from controller.errors import ModelError
from export.bench.measure import measure
from export.bench.report import Bench, markdown, text
from export.errors import ExportUsageError
from training.cli.common import add_json, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Time files over numbers of threads."""
    parser = make_parser(
        "python -m export bench",
        "Time every .tflite file of a folder, each over numbers of threads, taking turns in one\n"
        "run. A Donkeycar-sized network stands beside them, and the machine's int8 peak is\n"
        "measured; both need TensorFlow, and are left out on a car that has none.",
        "python -m export bench exported --threads 1,2 --against sliced11-224-int8",
    )
    add = parser.add_argument
    add("path", type=Path, nargs="+", help="folders or .tflite files")
    add("--threads", metavar="N,N,...", help="threads (1, 2, 4 as far as there are cores)")
    add("--invokes", type=int, default=400, help="timed calls of each (400)")
    add(
        "--references",
        action=argparse.BooleanOptionalAction,
        default=importlib.util.find_spec("tensorflow") is not None,
        help="the Donkeycar-sized network and the int8 peak (if TensorFlow is there)",
    )
    add(
        "--against",
        action="append",
        default=[],
        metavar="NAME",
        help="a file's name without suffix: say how many times faster the others are",
    )
    add("--markdown", action="store_true", help="print tables for a page, parity too")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _bench(args))


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
        if not found or not all(file.is_file() for file in found):
            raise ModelError(f"{path}: no .tflite file here")
        files += found
    return files


def _threads(words: str | None) -> list[int]:
    if words is None:
        return [count for count in (1, 2, 4) if count <= (os.cpu_count() or 1)]
    try:
        counts = [int(part) for part in words.split(",")]
    except ValueError as error:
        raise ExportUsageError(f"--threads {words}: numbers with commas between them") from error
    if not 1 <= min(counts) <= max(counts) <= 8:
        raise ExportUsageError(f"--threads {words}: 1 to 8")
    return counts


def _bench(args: argparse.Namespace) -> int:
    files, threads = _files(args.path), _threads(args.threads)
    if args.invokes < 1:
        raise ExportUsageError(f"--invokes {args.invokes}: at least 1")
    names = {file.stem for file in files}
    for name in args.against:
        if name not in names:
            raise ExportUsageError(f"--against {name}: there are {', '.join(sorted(names))}")
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if args.references:
            from export.bench.references import write_references

            print("making the networks to compare with", file=sys.stderr)
            donkey, wide = write_references(Path(folder))
            files.append(donkey)
            best = measure([wide], threads, 40)
            peaks = {item.threads: item.macs / (item.best_ms / 1000.0) for item in best}
        bench = Bench(measure(files, threads, args.invokes), peaks, args.against)
    if args.json:
        print(json.dumps(bench.as_json()))
    else:
        print(markdown(bench) if args.markdown else text(bench))
    return DONE
