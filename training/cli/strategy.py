"""``python -m training train --strategy NAME``: the four ways of training, step by step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from training.cli.features import add_cache, say
from training.cli.selection import selection_of
from training.errors import SpecError
from training.methods.features import FeatureCache
from training.methods.head_run import run_head
from training.methods.strategies import STRATEGIES, Strategy, advise, head_spec
from training.networks.networks import BLOCKS, NetworkSpec
from training.report.metrics import Score
from training.runs.trainer import Split, Trained

TUNE_RATE = 2e-4
"""Highest learning rate of the second stage of `fine-tune`: the head is good already."""

Run = Callable[[NetworkSpec, argparse.Namespace, Split, Path], Trained]


def add_strategy(parser: argparse.ArgumentParser) -> None:
    """Add ``--strategy``, ``--unfreeze`` and ``--cache``."""
    add = parser.add_argument
    add(
        "--strategy",
        choices=("auto", *STRATEGIES),
        help="one of the four ways of training from trained weights; auto asks `advise`",
    )
    add(
        "--unfreeze",
        type=int,
        default=BLOCKS,
        metavar="N",
        help="last blocks that learn in the second stage of --strategy fine-tune (all)",
    )
    add_cache(parser)


def train_by_strategy(
    args: argparse.Namespace, spec: NetworkSpec, split: Split, run: Run
) -> list[Trained]:
    """Train a network in the steps that a strategy has.

    Args:
        args: The command line.
        spec: The network, with the weights that it starts from.
        split: The frames.
        run: Trains one network as a run of its own.

    Returns:
        Every step's run, the last one being the result.

    Raises:
        SpecError: If frozen features are wanted and there are no trained weights.
    """
    strategy = _choose(args, spec, split)
    if strategy.name == "retrain":
        return [run(spec, args, split, args.out)]
    frozen = head_spec(spec, strategy)
    if strategy.name != "fine-tune":
        return [_head(frozen, args, split, args.out)]
    if not 1 <= args.unfreeze <= BLOCKS:
        raise SpecError(f"--unfreeze {args.unfreeze}: 1 to {BLOCKS} blocks")
    head = _head(frozen, args, split, args.out / "head")
    tuned = replace(
        spec,
        weights=str(head.folder.model),
        copied=BLOCKS,
        copied_head=True,
        frozen=max(0, spec.blocks - args.unfreeze),
    )
    lower = argparse.Namespace(**{**vars(args), "learning_rate": args.learning_rate or TUNE_RATE})
    return [head, run(tuned, lower, split, args.out / "tuned")]


def _choose(args: argparse.Namespace, spec: NetworkSpec, split: Split) -> Strategy:
    if args.strategy != "auto":
        return STRATEGIES[args.strategy]
    weights = "random" if spec.weights.endswith(".keras") else spec.weights
    advice = advise(split.train, split.validation, weights, FeatureCache(args.cache))
    print(say(advice), file=sys.stderr)
    return advice.strategy


def _head(spec: NetworkSpec, args: argparse.Namespace, split: Split, out: Path) -> Trained:
    folder = run_head(spec, selection_of(args), split, args.seed, args.cache, out)
    facts = folder.read("result.json")
    scores = (Score.from_json(facts[name]) for name in ("held_out", "validation"))
    return Trained(folder, *scores, None)
