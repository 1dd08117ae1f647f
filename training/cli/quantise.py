"""``python -m training quantise-aware``: fine-tune a network so that 8 bits change little."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from controller.cli.common import DONE, make_parser
from training.backend import find_model_file, load_keras, load_model
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.errors import TrainingError
from training.methods.quantise_aware import FineTuning
from training.pipeline.batches import predict
from training.pipeline.recipes import Recipe
from training.report.metrics import score
from training.runs.derived import data_facts, network_facts, result_of
from training.runs.folder import RunFolder
from training.runs.selection import make_split
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


def main(argv: Sequence[str] | None = None) -> int:
    """Fine-tune a trained network with 8-bit rounding in its forward pass."""
    parser = make_parser(
        "python -m training quantise-aware",
        "Fine-tune a trained network with 8-bit rounding in its forward pass, for a network of\n"
        "which int8 answers differ. It is taught by itself, so no label is used. What comes out\n"
        "is a run folder: export it as any other. The same command again goes on after a kill.",
        "python -m training quantise-aware runs/first/baseBp --data tubs/t1 --held-out tubs/day1 "
        "--out runs/first/baseBp-8bit",
    )
    parser.add_argument("model", type=Path, help="model.keras, or its run folder")
    add_data_arguments(parser)
    add = parser.add_argument
    add("--epochs", type=int, default=RECIPE.epochs, help="passes over the frames (3)")
    add("--learning-rate", type=float, default=RECIPE.learning_rate, help="at first (1e-4)")
    add("--batch", type=int, default=RECIPE.batch, help="frames a step (64)")
    add("--seed", type=int, default=0, help="of order and augmentation (0)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _quantise(args))


def _quantise(args: argparse.Namespace) -> int:
    recipe = replace(RECIPE, epochs=args.epochs, learning_rate=args.learning_rate, batch=args.batch)
    file = find_model_file(args.model)
    split = make_split(selection_of(args))
    network, data = network_facts(file), data_facts(args, split)
    folder = RunFolder(args.out)
    folder.begin({"network": network, "recipe": recipe, **data})
    if not folder.complete:
        _run(folder, recipe, args.seed, split, load_model(file))
    facts = folder.read("result.json")
    print(json.dumps(facts) if args.json else _words(facts, folder))
    return DONE


def _run(
    folder: RunFolder,
    recipe: Recipe,
    seed: int,
    split: Split,
    model: Any,  # noqa: ANN401
) -> None:
    load_keras().utils.set_random_seed(seed)
    tuning = FineTuning.begin(model, split.train, recipe)
    state = folder.path / "checkpoint.npz"
    history = folder.read("history.json") or []
    if state.is_file():
        tuning.load(state)
        print(f"resumed after epoch {len(history)}", file=sys.stderr)
    for epoch in range(len(history), recipe.epochs):
        began = time.monotonic()
        figures = tuning.train_epoch(split.train, recipe, seed, epoch)
        if not all(math.isfinite(value) for value in figures.values()):
            raise TrainingError(f"epoch {epoch + 1}: {figures}; lower --learning-rate")
        print(
            f"epoch {epoch + 1}/{recipe.epochs}  divergence {figures['divergence']:.4f}  "
            f"own error {figures['own_error']:.4f}  {time.monotonic() - began:.0f} s",
            file=sys.stderr,
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


def _words(facts: dict[str, Any], folder: RunFolder) -> str:
    rows = (("before", "before"), ("after", "held_out"), ("after, in 8 bits", "rounded"))
    lines = [f"on {', '.join(facts['held_out_drives'])}, {facts['held_out']['frames']} frames:"]
    lines += [
        f"  {name:<18} accuracy {facts[key]['accuracy']:.4f}, balanced "
        f"{facts[key]['balanced_accuracy']:.4f}"
        for name, key in rows
    ]
    lines.append(
        f"  8 bits, simulated, answer as the network does in {facts['agreement_rounded']:.2%} of "
        f"the frames, as the network before in {facts['agreement_with_before']:.2%}"
    )
    return "\n".join([*lines, f"model: {folder.model}; python -m export says what int8 loses"])
