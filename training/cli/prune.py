"""``python -m training prune``: Han's iterative pruning of a trained network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from training.backend import find_model_file
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.methods.pruned_run import Schedule, run_pruning
from training.pipeline.recipes import recipe_of
from training.runs.derived import data_facts, network_facts
from training.runs.folder import RunFolder
from training.runs.selection import make_split

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
    schedule = Schedule(args.rounds, args.keep)
    recipe = recipe_of("default", pretrained=False, epochs=args.epochs, batch=args.batch)
    rate = args.learning_rate or recipe.learning_rate * RATE_SHARE
    recipe = replace(recipe, name="prune", learning_rate=rate)
    file = find_model_file(args.model)
    selection = selection_of(args)
    split = make_split(selection)
    folder = RunFolder(args.out)
    how = {"recipe": recipe, "rounds": args.rounds, "keep": args.keep}
    folder.begin({"network": network_facts(file), **how, **data_facts(selection, split, args.seed)})
    if not folder.complete:
        run_pruning(folder, schedule, recipe, args.seed, split, file, _say)
    facts = folder.read("result.json")
    print(json.dumps(facts) if args.json else _table(facts, folder))
    return DONE


def _say(facts: dict[str, Any]) -> None:
    print(_row(facts), file=sys.stderr)


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
