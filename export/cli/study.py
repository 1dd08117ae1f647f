"""``python -m export study``: a study's networks as the car would run them, for its report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from controller.errors import DataError, ModelError
from controller.model.cards import read_card
from export.bench.measure import Timing, machine, measure
from export.errors import ExportUsageError
from export.exporter import ExportJob, export_model
from training.backend import load_keras
from training.cli.common import add_json, run_command
from training.data.pool import Pool
from training.data.registry import open_pool
from training.runs.folder import write_json
from training.study.groups import block, groups
from training.study.results import INT8_FILE, Finished, Int8, read_study
from training.study.runner import imported


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
    files = {study: _convert(study, args.forward_weight, every=args.all) for study in args.study}
    timings = measure([file for part in files.values() for file in part], [1], args.invokes)
    where = machine()
    words = f"{where['processor']}, one thread, {where['runtime']}"
    rows: dict[str, Int8] = {}
    for study, part in files.items():
        own = {t.file.stem: _row(t) for t in timings if t.file in part}
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


def _choose(study: Path, *, every: bool) -> list[Finished]:
    """The runs to export: of each shape of network the best in validation, or all first seeds."""
    firsts = [group.first for group in groups(read_study(study).runs)]
    if every:
        return firsts
    best: dict[tuple[object, ...], Finished] = {}
    for run in firsts:
        shape = (block(run), run.alpha, run.shape)
        if shape not in best or run.validation_balanced > best[shape].validation_balanced:
            best[shape] = run
    return list(best.values())


def _convert(study: Path, forward_weight: float, *, every: bool) -> list[Path]:
    """The int8 files of a study, made where they are not there yet."""
    runs = _choose(study, every=every)
    facts = _facts(study)
    files = [study / "int8" / f"{run.folder}.tflite" for run in runs]
    shape, pools = None, None
    for number, (run, file) in enumerate(zip(runs, files, strict=True), 1):
        if _is_done(file, forward_weight):
            continue
        print(f"[{number}/{len(runs)}] {run.folder}", file=sys.stderr, flush=True)
        if pools is None or run.shape != shape:
            shape, pools = run.shape, _pools(study, facts, run.shape)
        folder = study / "runs" / run.folder
        job = ExportJob(
            folder,
            *pools,
            study / "int8",
            ("int8",),
            run.folder,
            forward_weight=forward_weight,
        )
        export_model(job)
        load_keras().utils.clear_session()
    return files


def _facts(study: Path) -> dict[str, Any]:
    """How the study was started."""
    path = study / "study.json"
    try:
        facts = json.loads(path.read_text())
        return {
            "data": [Path(name) for name in facts["data"]],
            "held_out": [Path(name) for name in facts["held_out"]],
            "judge_every": int(facts["judge_every"]),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: broken; python -m training study writes it: {error}") from error


def _pools(study: Path, facts: Mapping[str, Any], shape: tuple[int, int]) -> tuple[Pool, Pool]:
    """Frames to calibrate on and frames to judge on, of one size."""
    if not facts["held_out"]:
        raise ExportUsageError(f"{study}: the study named no --held-out drive to compare on")
    data, held = (
        open_pool([imported(path, shape, study) for path in facts[key]], shape)
        for key in ("data", "held_out")
    )
    return data, held.every(facts["judge_every"])


def _is_done(file: Path, forward_weight: float) -> bool:
    """Whether a file and its card with figures are there and belong together."""
    try:
        card = read_card(file)
        return "held_out" in card.facts and card.forward_weight == forward_weight
    except ModelError:
        return False


def _row(timing: Timing) -> Int8:
    """A file's figures, from its card and the clock."""
    held = read_card(timing.file).facts["held_out"]
    return Int8(
        timing.file.stat().st_size,
        round(timing.p50_ms, 4),
        round(timing.p99_ms, 4),
        held["accuracy"],
        held["balanced_accuracy"],
        held["agreement"],
    )
