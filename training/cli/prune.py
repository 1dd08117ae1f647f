"""``python -m training prune``: Han's iterative pruning of a trained network."""

from __future__ import annotations

import argparse
import json
import math
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from controller.cli.common import DONE, make_parser
from training.backend import find_model_file, load_keras, load_model
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.errors import SpecError, TrainingError
from training.methods.pruning import keep_after, left, prunable, prune, retrain
from training.pipeline.batches import check_shape, predict
from training.pipeline.recipes import Recipe, recipe_of
from training.report.metrics import score
from training.runs.derived import data_facts, network_facts, result_of
from training.runs.folder import RunFolder
from training.runs.selection import make_split
from training.runs.trainer import Split

RATE_SHARE = 0.1
"""Learning rate of retraining, as a share of training's: Han et al. 2015, section 4.1 (LeNet)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prune a trained network by magnitude, in rounds."""
    parser = make_parser(
        "python -m training prune",
        "Take the smallest weights of a trained network away, retrain the rest, and again: Han et\n"
        "al. 2015. Every round is judged; the last one is the run's model. The same command again\n"
        "goes on after a kill.",
        "python -m training prune runs/dfn --data tubs/t1 --held-out tubs/day1 --keep 0.05 "
        "--rounds 6 --out runs/dfn-pruned",
    )
    parser.add_argument("model", type=Path, help="model.keras, or its run folder")
    add_data_arguments(parser)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often weights are taken away (5)")
    add("--keep", type=float, default=0.1, help="share of weights left at the end (0.1)")
    add("--epochs", type=int, default=2, help="passes over the frames in a round (2)")
    add("--learning-rate", type=float, help="at its highest (a tenth of the default recipe's)")
    add("--batch", type=int, help="frames a step (64)")
    add("--seed", type=int, default=0, help="of order and augmentation (0)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _prune(args))


def _prune(args: argparse.Namespace) -> int:
    if args.rounds < 1 or not 0.0 < args.keep < 1.0:
        raise SpecError(
            f"{args.rounds} rounds down to {args.keep}: at least 1; a share above 0, below 1"
        )
    recipe = recipe_of("default", pretrained=False, epochs=args.epochs, batch=args.batch)
    rate = args.learning_rate or recipe.learning_rate * RATE_SHARE
    recipe = replace(recipe, name="prune", learning_rate=rate)
    file = find_model_file(args.model)
    split = make_split(selection_of(args))
    folder = RunFolder(args.out)
    how = {"recipe": recipe, "rounds": args.rounds, "keep": args.keep}
    folder.begin({"network": network_facts(file), **how, **data_facts(args, split)})
    if not folder.complete:
        _run(folder, args, recipe, split, file)
    facts = folder.read("result.json")
    print(json.dumps(facts) if args.json else _table(facts, folder))
    return DONE


def _run(
    folder: RunFolder, args: argparse.Namespace, recipe: Recipe, split: Split, file: Path
) -> None:
    load_keras().utils.set_random_seed(args.seed)
    history = folder.read("history.json") or []
    model = load_model(folder.path / f"round-{len(history) - 1}.keras" if history else file)
    check_shape(model, split.train)
    if not prunable(model):
        raise SpecError(f"{file}: no dense layer or convolution that learns")
    if not history:
        history.append(_judge(model, 0, 1.0, split))
        _keep(folder, model, history)
    for number in range(len(history), args.rounds + 1):
        share = keep_after(number, args.rounds, args.keep)
        masks = prune(model, share)
        figures = retrain(model, masks, recipe, split.train, split.validation, args.seed + number)
        if not math.isfinite(figures[-1]["loss"]):
            raise TrainingError(f"round {number}: the loss is no number; lower --learning-rate")
        history.append(_judge(model, number, share, split))
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
    facts = {
        "round": number,
        "keep": round(share, 6),
        "parameters": parameters,
        "parameters_left": present,
        "compressed_bytes": _compressed(model),
        "held_out": held_out.as_json(),
        "validation": validation.as_json(),
    }
    print(_row(facts), file=sys.stderr)
    return facts


def _compressed(model: Any) -> int:  # noqa: ANN401
    """Bytes of the weights in single precision after zlib: what a file of them would take."""
    data = b"".join(np.asarray(w, np.float32).tobytes() for w in model.get_weights())
    return len(zlib.compress(data, 6))


def _row(facts: dict[str, Any]) -> str:
    held_out = facts["held_out"]
    return (
        f"round {facts['round']}: {facts['parameters_left']:>9} of {facts['parameters']} "
        f"parameters, {facts['compressed_bytes'] / 1e6:6.2f} MB compressed, held out: accuracy "
        f"{held_out['accuracy']:.4f}, balanced {held_out['balanced_accuracy']:.4f}"
    )


def _table(facts: dict[str, Any], folder: RunFolder) -> str:
    rows = [_row(row) for row in facts["rounds"]]
    drives = ", ".join(facts["held_out_drives"])
    return "\n".join([f"on {drives}:", *rows, f"model: {folder.model}"])
