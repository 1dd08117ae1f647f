"""``python -m training`` (both networks of the project) and ``python -m training train`` (one)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.cli.strategy import add_strategy, train_by_strategy
from training.errors import SpecError
from training.networks.networks import NetworkSpec, spec_of
from training.pipeline.recipes import BALANCES, RECIPES, parse_augmentation, recipe_of
from training.report.metrics import confusion_text
from training.runs.machine import add_machine, machine_of
from training.runs.selection import make_split
from training.runs.trainer import Split, TrainConfig, Trained, describe, train

DEFAULT_NETWORKS = "sliced11,baseB+"


def _add_shared(parser: argparse.ArgumentParser) -> None:
    add_data_arguments(parser)
    add = parser.add_argument
    add("--recipe", choices=sorted(RECIPES), default="default")
    add("--epochs", type=int, help="passes over the training frames (the recipe's own if left out)")
    add("--batch", type=int, help="frames a step")
    add("--learning-rate", type=float, help="at its highest")
    add("--balance", choices=BALANCES, help="how rare classes are made to count (the recipe's own)")
    add(
        "--augment",
        metavar="HOW",
        help="none, default, or changes to it: mirror=0,light=0.35,contrast=0.3,shift=0.05,"
        "side_shift=0,blur=0.7,noise=6,shadow=0.3 (the recipe's own)",
    )
    add("--alpha", type=float, default=1.0, help="width multiplier, above 0 to 1 (1)")
    add("--upsample", action="store_true", help="scale frames to 224x224 inside the graph")
    add(
        "--imagenet-weights",
        type=Path,
        metavar="PATH",
        help="file of MobileNet v1's ImageNet weights without top, instead of Keras' download",
    )
    add(
        "--split",
        choices=("blocks", "seed-shuffled"),
        default="blocks",
        help="validation frames: blocks of time, or the seed's shuffle (flatters)",
    )
    add(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="learn from and judge on every N-th frame: neighbours are near-copies (1)",
    )
    add("--seed", type=int, default=0, help="of weights, order and augmentation (0)")
    add_machine(parser)
    add_json(parser)


def main_both(argv: Sequence[str] | None = None) -> int:
    """Train both networks of the project and judge them on a drive they did not train on."""
    parser = make_parser(
        "python -m training",
        "Train sliced n=11 and baseB+, and judge both on a drive that they did not train on.\n"
        "Subcommands, each with its own --help: import, inspect, train, advise, features, prune,\n"
        "quantise-aware, visualise, evaluate, study, report, bench, speed.",
        "python -m training --data tubs/t1 --data tubs/t2 --held-out tubs/day1 "
        "--out runs/first --epochs 4",
    )
    _add_shared(parser)
    parser.add_argument(
        "--networks", default=DEFAULT_NETWORKS, metavar="NAMES",
        help=f"names with commas between them ({DEFAULT_NETWORKS})",
    )  # fmt: skip
    parser.add_argument("--random", action="store_true", help="random initial weights")
    args = parser.parse_args(argv)
    weights = "random" if args.random else str(args.imagenet_weights or "imagenet")
    return run_command(lambda: _train_both(args, weights))


def _train_both(args: argparse.Namespace, weights: str) -> int:
    specs = [_spec(name.strip(), weights, args) for name in args.networks.split(",")]
    _check_weights(args)
    split = _thinned(make_split(selection_of(args, args.split, args.seed)), args.every)
    finished = [_run(spec, args, split, args.out / spec.name) for spec in specs]
    _report(finished, split, as_json=args.json)
    return DONE


def main_train(argv: Sequence[str] | None = None) -> int:
    """Train one network."""
    parser = make_parser(
        "python -m training train",
        "Train one network; the run folder holds model.keras, the configuration and the history.\n"
        "The same command again goes on after a kill, or reports a finished run.",
        "python -m training train --network sliced11 --alpha 0.25 --weights random "
        "--data sim/frames --out runs/small --epochs 10",
    )
    _add_shared(parser)
    parser.add_argument(
        "--network",
        default="sliced11",
        metavar="NAME",
        help="sliced1..13, baseB, baseB+, the study's A5B, B5B+ and so on, DFN, VGG16, "
        "InceptionV3, ResNet50, Xception (sliced11)",
    )
    parser.add_argument("--weights", default=None, metavar="WEIGHTS",
                        help="random, imagenet, a .h5 file, or a .keras file of this package; "
                        "imagenet if --imagenet-weights is given, else random")  # fmt: skip
    add_strategy(parser)
    args = parser.parse_args(argv)
    weights = args.weights or ("imagenet" if args.imagenet_weights else "random")
    if weights == "imagenet" and args.imagenet_weights:
        weights = str(args.imagenet_weights)
    return run_command(lambda: _train_one(args, weights))


def _train_one(args: argparse.Namespace, weights: str) -> int:
    spec = _spec(args.network, weights, args)
    _check_weights(args)
    split = _thinned(make_split(selection_of(args, args.split, args.seed)), args.every)
    if args.strategy:
        finished = train_by_strategy(args, spec, split, _run)
    else:
        finished = [_run(spec, args, split, args.out)]
    _report(finished, split, as_json=args.json)
    return DONE


def _thinned(split: Split, step: int) -> Split:
    """Every so-many-th frame of every part."""
    if step < 1:
        raise SpecError(f"--every {step}: at least 1")
    if step == 1:
        return split
    parts = (part.every(step) for part in (split.train, split.validation, split.held_out))
    return Split(*parts, f"{split.how}; one frame in {step} of every part")


def _check_weights(args: argparse.Namespace) -> None:
    if args.imagenet_weights and not args.imagenet_weights.is_file():
        raise SpecError(f"{args.imagenet_weights}: no such file of ImageNet weights")


def _spec(name: str, weights: str, args: argparse.Namespace) -> NetworkSpec:
    height, width = args.size
    return spec_of(
        name, weights, alpha=args.alpha, height=height, width=width, upsample=args.upsample
    )


def _run(spec: NetworkSpec, args: argparse.Namespace, split: Split, out: Path) -> Trained:
    recipe = recipe_of(
        args.recipe,
        pretrained=spec.weights != "random",
        epochs=args.epochs,
        batch=args.batch,
        learning_rate=args.learning_rate,
        balance=args.balance,
    )
    if args.augment:
        recipe = replace(recipe, augmentation=parse_augmentation(args.augment))
    config = TrainConfig(
        spec,
        recipe,
        tuple(str(path) for path in args.data),
        tuple(str(path) for path in args.held_out),
        split.how,
        (len(split.train), len(split.validation), len(split.held_out)),
        args.seed,
    )
    print(describe(config), file=sys.stderr)
    return train(config, split, out, machine_of(args))


def _report(finished: Sequence[Trained], split: Split, *, as_json: bool) -> None:
    drives = ", ".join(split.held_out.drives_present)
    if as_json:
        print(json.dumps({run.folder.path.name: _facts(run, drives) for run in finished}))
        return
    for run in finished:
        result = run.held_out
        print(
            f"\n{run.folder.path.name} on {drives} ({result.frames} frames, not trained on): "
            f"accuracy {result.accuracy:.3f}, balanced accuracy {result.balanced_accuracy:.3f}"
        )
        print(confusion_text(result))
        print(f"model: {run.folder.model}")


def _facts(run: Trained, drives: str) -> dict[str, Any]:
    return {"drives": drives, "model": str(run.folder.model), **run.held_out.as_json()}
