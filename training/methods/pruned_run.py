"""A run that prunes a trained network in rounds (Han et al. 2015); see `pruning` for one round."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.backend import load_keras, load_model
from training.errors import SpecError, TrainingError
from training.methods.pruning import keep_after, left, prunable, prune, retrain
from training.pipeline.batches import check_shape, predict
from training.pipeline.recipes import Recipe
from training.report.metrics import score
from training.runs.derived import result_of
from training.runs.folder import RunFolder
from training.runs.trainer import Split


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often weights are taken away, and how many are left at the end.

    Attributes:
        rounds: At least 1.
        keep: Share of the weights left after the last round, above 0 and below 1.
    """

    rounds: int
    keep: float

    def __post_init__(self) -> None:
        if self.rounds < 1 or not 0.0 < self.keep < 1.0:
            raise SpecError(
                f"{self.rounds} rounds down to {self.keep}: at least 1; a share above 0, below 1"
            )


def run_pruning(
    folder: RunFolder,
    schedule: Schedule,
    recipe: Recipe,
    seed: int,
    split: Split,
    file: Path,
    say: Callable[[dict[str, Any]], None],
) -> None:
    """Prune in rounds, each kept and judged; goes on from the newest round that is kept.

    Args:
        folder: The run's, begun.
        schedule: How often and down to what.
        recipe: How it is trained after each round.
        seed: Of order and augmentation.
        split: The frames.
        file: The trained network.
        say: Told of each round's figures.

    Raises:
        SpecError: If the network has nothing to prune.
        TrainingError: If the loss is no number any more.
    """
    load_keras().utils.set_random_seed(seed)
    history = folder.read("history.json") or []
    model = load_model(folder.path / f"round-{len(history) - 1}.keras" if history else file)
    check_shape(model, split.train)
    if not prunable(model):
        raise SpecError(f"{file}: no dense layer or convolution that learns")
    if not history:
        history.append(_judge(model, 0, 1.0, split))
        say(history[-1])
        _keep(folder, model, history)
    for number in range(len(history), schedule.rounds + 1):
        share = keep_after(number, schedule.rounds, schedule.keep)
        masks = prune(model, share)
        figures = retrain(model, masks, recipe, split.train, split.validation, seed + number)
        if not math.isfinite(figures[-1]["loss"]):
            raise TrainingError(f"round {number}: the loss is no number; lower --learning-rate")
        history.append(_judge(model, number, share, split))
        say(history[-1])
        _keep(folder, model, history)
    model.save(folder.model)
    folder.write("result.json", {**result_of(model, split), "rounds": history})
    for old in folder.path.glob("round-*.keras"):
        old.unlink()


def _keep(folder: RunFolder, model: Any, history: list[dict[str, Any]]) -> None:  # noqa: ANN401
    """Keep a round; ``history.json`` comes last and says which model belongs to it."""
    newest = folder.path / f"round-{len(history) - 1}.keras"
    model.save(newest)
    folder.write("history.json", history)
    for old in set(folder.path.glob("round-*.keras")) - {newest}:
        old.unlink()


def _judge(model: Any, number: int, share: float, split: Split) -> dict[str, Any]:  # noqa: ANN401
    present, parameters = left(model)
    held_out = score(split.held_out.labels, predict(model, split.held_out))
    validation = score(split.validation.labels, predict(model, split.validation))
    return {
        "round": number,
        "keep": round(share, 6),
        "parameters": parameters,
        "parameters_left": present,
        "compressed_bytes": _compressed(model),
        "held_out": held_out.as_json(),
        "validation": validation.as_json(),
    }


def _compressed(model: Any) -> int:  # noqa: ANN401
    """Bytes of the weights in single precision after zlib: what a file of them would take."""
    data = b"".join(np.asarray(w, np.float32).tobytes() for w in model.get_weights())
    return len(zlib.compress(data, 6))
