"""A study's networks as int8 files: which, made from what, and what they came to."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.errors import DataError, ModelError
from controller.model.cards import read_card
from export.bench.measure import Timing
from export.errors import ExportUsageError
from export.exporter import ExportJob, export_model
from training.backend import load_keras
from training.data.pool import Pool
from training.data.registry import open_pool
from training.study.groups import block, groups
from training.study.results import Finished, Int8, read_study
from training.study.runner import imported


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


def convert_study(study: Path, forward_weight: float, *, every: bool) -> list[Path]:
    """The int8 files of a study, made where they are not there yet.

    Args:
        study: The study's folder.
        forward_weight: For every card, see `controller.model.cards.Card`.
        every: All runs of the first seed; else of each shape of network the best in validation.

    Raises:
        DataError: If the study's page of facts is broken.
        ExportUsageError: If it names no drive to judge on.
    """
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


def figures_of(timing: Timing) -> Int8:
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
