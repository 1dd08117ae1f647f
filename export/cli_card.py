"""``python -m export card``: a model's card, for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.cards import Card, read_card
from controller.cli import DONE, make_parser
from training.cli import add_json, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Print a card, after checking that it belongs to its model."""
    parser = make_parser(
        "python -m export card",
        "Check that a model and its card belong together, and print the card.",
        "python -m export card exported/sliced11-int8.tflite",
    )
    parser.add_argument("file", type=Path, help="a .tflite file, or its card")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _card(args))


def _card(args: argparse.Namespace) -> int:
    card = read_card(args.file.with_suffix(".tflite"))
    print(json.dumps(card.facts) if args.json else describe(card))
    return DONE


def describe(card: Card) -> str:
    """A card as text."""
    facts = card.facts
    lines = [
        f"{card.name}  ({facts.get('quantisation', 'unknown format')})",
        f"  takes       1x{card.height}x{card.width}x3 uint8 RGB, gives {_classes(facts)}",
        (
            f"  size        {facts.get('size_bytes', 0):,} bytes, "
            f"{facts.get('parameters', 0):,} parameters, {facts.get('macs', 0):,} MACs"
        ),
        f"  operators   {_counts(facts.get('operators', {}))}",
        f"  SHA-256     {card.sha256}",
    ]
    training = facts.get("training", {})
    if training:
        network, recipe = training.get("network", {}), training.get("recipe", {})
        weights = training.get("initial_weights", {})
        lines += [
            (
                f"  trained on  {', '.join(training.get('drives', [])) or 'unknown drives'}; "
                f"alpha {network.get('alpha')}, {recipe.get('name')} recipe, "
                f"{recipe.get('epochs')} epochs, seed {training.get('seed')}, "
                f"commit {str(training.get('commit'))[:12]}"
            ),
            f"  started as  {weights.get('from')} (licence: {weights.get('licence')})",
        ]
    calibration = facts.get("calibration", {})
    if calibration:
        drives = ", ".join(calibration.get("drives", []))
        lines.append(f"  calibrated  {calibration.get('frames')} frames of {drives}")
    held = facts.get("held_out", {})
    if held:
        lines.append(
            f"  judged on   {', '.join(held.get('drives', []))}, {held.get('frames')} frames: "
            f"accuracy {held.get('accuracy'):.4f}, balanced {held.get('balanced_accuracy'):.4f}, "
            f"agreement with float {held.get('agreement'):.2%}, "
            f"lost {held.get('accuracy_lost_points'):+.2f} points"
        )
    return "\n".join(lines)


def _classes(facts: dict[str, Any]) -> str:
    return ", ".join(facts.get("classes", []))


def _counts(operators: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in operators.items()) or "unknown"
