"""``python -m training features`` and ``advise``: heads on frozen features, and which way suits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from training.cli.common import add_json, run_command
from training.cli.selection import add_data_arguments, selection_of
from training.methods.features import FeatureCache
from training.methods.head_run import run_head
from training.methods.strategies import Advice, advise
from training.networks.networks import spec_of
from training.report.metrics import Score, confusion_text
from training.runs.folder import RunFolder
from training.runs.selection import make_split


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Add ``--cache``."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("out/features"),
        metavar="DIR",
        help="where features are kept, for any number of runs (out/features)",
    )


def main_features(argv: Sequence[str] | None = None) -> int:
    """Train a head on a frozen network's features."""
    parser = make_parser(
        "python -m training features",
        "Freeze a trained network, compute its features of every frame once, keep them on disk,\n"
        "and train a head on them and on those of the mirror images. Another run with the same\n"
        "frames, network and weights takes them from there.",
        "python -m training features --network sliced5 --imagenet-weights mobilenet.h5 "
        "--data tubs/t1 --held-out tubs/day1 --out runs/head",
    )
    add_data_arguments(parser)
    add = parser.add_argument
    add("--network", default="sliced11", metavar="NAME", help="as in `train` (sliced11)")
    add("--alpha", type=float, default=1.0, help="width multiplier, above 0 to 1 (1)")
    add("--upsample", action="store_true", help="scale frames to 224x224 inside the graph")
    add(
        "--weights",
        default="imagenet",
        metavar="WEIGHTS",
        help="imagenet (Keras' download), a .h5 file, or a .keras file of this package",
    )
    add("--imagenet-weights", dest="weights", metavar="PATH", help="the same, as `train` has it")
    add("--seed", type=int, default=0, help="of nothing but the name of the run (0)")
    add_cache(parser)
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _features(args))


def _features(args: argparse.Namespace) -> int:
    height, width = args.size
    spec = spec_of(
        args.network,
        args.weights,
        alpha=args.alpha,
        height=height,
        width=width,
        upsample=args.upsample,
    )
    spec = replace(spec, frozen=spec.blocks)
    selection = selection_of(args)
    split = make_split(selection)
    folder = run_head(spec, selection, split, args.seed, args.cache, args.out)
    facts = folder.read("result.json")
    print(json.dumps(facts) if args.json else words(facts, folder))
    return DONE


def words(facts: dict[str, Any], folder: RunFolder) -> str:
    """A result for people."""
    result = Score.from_json(facts["held_out"])
    return (
        f"{folder.path.name} on {', '.join(facts['held_out_drives'])} ({result.frames} frames, not "
        f"trained on): accuracy {result.accuracy:.3f}, balanced accuracy "
        f"{result.balanced_accuracy:.3f}\n{confusion_text(result)}\nmodel: {folder.model}"
    )


def main_advise(argv: Sequence[str] | None = None) -> int:
    """Say which of the four ways of training suits a data set."""
    parser = make_parser(
        "python -m training advise",
        "Say which of the four ways of training suits a data set, and why: how much it is, and\n"
        "whether a trained network's late features know it as well as its early ones.\n"
        "`train --strategy auto` asks the same and does it.",
        "python -m training advise --data tubs/t1 --imagenet-weights mobilenet.h5",
    )
    add_data_arguments(parser, out=False)
    add = parser.add_argument
    add(
        "--imagenet-weights",
        metavar="PATH",
        default="random",
        help="imagenet (Keras' download) or a file of MobileNet v1's weights without top",
    )
    add("--seed", type=int, default=0, help=argparse.SUPPRESS)
    add_cache(parser)
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _advise(args))


def _advise(args: argparse.Namespace) -> int:
    split = make_split(selection_of(args))
    advice = advise(split.train, split.validation, args.imagenet_weights, FeatureCache(args.cache))
    if args.json:
        facts = {
            "strategy": advice.strategy.name,
            **{name: getattr(advice, name) for name in ("moments", "fewest", "early", "late")},
            "reasons": advice.reasons,
        }
        print(json.dumps(facts))
    else:
        print(say(advice))
    return DONE


def say(advice: Advice) -> str:
    """Advice for people."""
    strategy = advice.strategy
    case = (
        f"{'much' if strategy.much else 'little'} data, {'alike' if strategy.alike else 'unlike'}"
    )
    lines = [*advice.reasons, f"{case}: {strategy.what}", f"take: --strategy {strategy.name}"]
    return "\n".join(lines)
