"""A run that fine-tunes a network so that 8 bits change little; see `quantise_aware` for a step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from training.backend import load_keras
from training.errors import TrainingError
from training.methods.quantise_aware import FineTuning
from training.pipeline.batches import predict
from training.pipeline.recipes import Recipe
from training.report.metrics import score
from training.runs.derived import result_of
from training.runs.folder import RunFolder
from training.runs.trainer import Split

RECIPE = Recipe(
    name="quantise-aware",
    optimizer="adam",
    learning_rate=1e-4,
    weight_decay=0.0,
    epochs=3,
    label_smoothing=0.0,
    balance="none",
)


def run_quantise_aware(
    folder: RunFolder,
    recipe: Recipe,
    seed: int,
    split: Split,
    model: Any,  # noqa: ANN401 - Keras has no types
    say: Callable[[str], None],
) -> None:
    """Fine-tune with rounding, epoch by epoch; goes on from the newest epoch that is kept.

    Args:
        folder: The run's, begun.
        recipe: How it is trained.
        seed: Of order and augmentation.
        split: The frames.
        model: The trained network; changed.
        say: Told of each epoch.

    Raises:
        TrainingError: If a figure is no number any more.
    """
    load_keras().utils.set_random_seed(seed)
    tuning = FineTuning.begin(model, split.train, recipe)
    state = folder.path / "checkpoint.npz"
    history = folder.read("history.json") or []
    if state.is_file():
        tuning.load(state)
        say(f"resumed after epoch {len(history)}")
    for epoch in range(len(history), recipe.epochs):
        began = time.monotonic()
        figures = tuning.train_epoch(split.train, recipe, seed, epoch)
        if not all(math.isfinite(value) for value in figures.values()):
            raise TrainingError(f"epoch {epoch + 1}: {figures}; lower --learning-rate")
        say(
            f"epoch {epoch + 1}/{recipe.epochs}  divergence {figures['divergence']:.4f}  "
            f"own error {figures['own_error']:.4f}  {time.monotonic() - began:.0f} s"
        )
        history.append(figures)
        tuning.save(state)
        folder.write("history.json", history)
    _finish(folder, split, tuning, model)


def _finish(folder: RunFolder, split: Split, tuning: FineTuning, model: Any) -> None:  # noqa: ANN401
    pool = split.held_out
    before = predict(model, pool)
    finished = tuning.finished()
    after = predict(finished, pool)
    rounded = tuning.student.probabilities(pool, rounded=True)
    finished.save(folder.model)
    folder.write(
        "result.json",
        {
            **result_of(finished, split),
            "before": score(pool.labels, before).as_json(),
            "rounded": score(pool.labels, rounded).as_json(),
            "agreement_rounded": _agreement(after, rounded),
            "agreement_with_before": _agreement(before, rounded),
        },
    )
    (folder.path / "checkpoint.npz").unlink(missing_ok=True)


def _agreement(one: np.ndarray, other: np.ndarray) -> float:
    return round(float((one.argmax(axis=1) == other.argmax(axis=1)).mean()), 6)
