"""Runs that start from a trained network: what they write down, and how their result is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.pipeline.batches import predict
from training.report.metrics import score
from training.runs.folder import RunFolder
from training.runs.selection import Selection
from training.runs.trainer import Split


def data_facts(selection: Selection, split: Split, seed: int) -> dict[str, Any]:
    """The data of a run, for its configuration: names as the user gave them, split, sizes, seed."""
    return {
        "data": [str(path) for path in selection.data],
        "held_out": [str(path) for path in selection.held_out],
        "split": split.how,
        "frames": [len(split.train), len(split.validation), len(split.held_out)],
        "seed": seed,
    }


def network_facts(file: Path) -> dict[str, Any]:
    """What the run beside a model says of its network, with the model as the weights' source."""
    run = RunFolder(file.parent).read("run.json") or {}
    network = run.get("configuration", {}).get("network", {"name": file.stem})
    return {**network, "weights": str(file)}


def result_of(model: Any, split: Split) -> dict[str, Any]:  # noqa: ANN401 - Keras has no types
    """A finished run's ``result.json``."""
    return {
        "held_out_drives": list(split.held_out.drives_present),
        "held_out": score(split.held_out.labels, predict(model, split.held_out)).as_json(),
        "validation": score(split.validation.labels, predict(model, split.validation)).as_json(),
        "train_drives": list(split.train.drives_present),
        "parameters": model.count_params(),
    }
