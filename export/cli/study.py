"""``python -m export study``: a study's networks as the car would run them, for its report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from controller.cli.common import DONE, make_parser
from export.bench.measure import machine, measure
from export.errors import ExportUsageError
from export.study import convert_study, figures_of
from training.cli.common import add_json, run_command
from training.runs.folder import write_json
from training.study.results import INT8_FILE, Int8


def main(argv: Sequence[str] | None = None) -> int:
    """Export and time the networks of studies."""
    parser = make_parser(
        "python -m export study",
        "Convert networks of finished studies to int8: of each shape the one that did best on the\n"
        "validation frames, or with --all the first seed of every one. Compare each with Keras on\n"
        "the study's held-out frames, time them all, taking turns in one run, and\n"
        f"write the figures to each study's {INT8_FILE} for `python -m training report`.\n"
        "The same command again converts only what is new.",
        "python -m export study out/study",
    )
    parser.add_argument("study", type=Path, nargs="+", help="the studies' folders")
    parser.add_argument("--all", action="store_true", help="the first seed of every network")
    parser.add_argument("--invokes", type=int, default=400, help="timed calls of each (400)")
    parser.add_argument("--forward-weight", type=float, default=1.0, metavar="W",
                        help="the car multiplies forward's probability by it (1)")  # fmt: skip
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _studies(args))


def _studies(args: argparse.Namespace) -> int:
    if args.invokes < 1:
        raise ExportUsageError(f"--invokes {args.invokes}: at least 1")
    files = {
        study: convert_study(study, args.forward_weight, every=args.all) for study in args.study
    }
    timings = measure([file for part in files.values() for file in part], [1], args.invokes)
    where = machine()
    words = f"{where['processor']}, one thread, {where['runtime']}"
    rows: dict[str, Int8] = {}
    for study, part in files.items():
        own = {t.file.stem: figures_of(t) for t in timings if t.file in part}
        facts = {"machine": words, "runs": {name: asdict(row) for name, row in own.items()}}
        write_json(study / INT8_FILE, facts)
        rows |= own
    if args.json:
        runs = {name: asdict(row) for name, row in rows.items()}
        print(json.dumps({"machine": words, "runs": runs}))
    else:
        _print_table(words, rows)
    return DONE


def _print_table(words: str, rows: Mapping[str, Int8]) -> None:
    print(words)
    print(f"  {'run':<36}{'kB':>8}{'p50 ms':>9}{'p99 ms':>9}{'balanced':>10}{'agrees':>9}")
    for name, row in rows.items():
        print(
            f"  {name:<36}{row.size_bytes / 1000:>8.0f}{row.p50_ms:>9.3f}{row.p99_ms:>9.3f}"
            f"{row.balanced:>10.4f}{row.agreement:>9.4f}"
        )
