"""``python -m training quantise-aware``: fine-tune a network so that 8 bits change little."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from training.backend import find_model_file, load_model
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.methods.quantise_aware_run import RECIPE, run_quantise_aware
from training.runs.derived import data_facts, network_facts
from training.runs.folder import RunFolder
from training.runs.selection import make_split


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
    selection = selection_of(args)
    split = make_split(selection)
    network, data = network_facts(file), data_facts(selection, split, args.seed)
    folder = RunFolder(args.out)
    folder.begin({"network": network, "recipe": recipe, **data})
    if not folder.complete:
        run_quantise_aware(folder, recipe, args.seed, split, load_model(file), _say)
    facts = folder.read("result.json")
    print(json.dumps(facts) if args.json else _words(facts, folder))
    return DONE


def _say(line: str) -> None:
    print(line, file=sys.stderr)


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
