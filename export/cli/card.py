"""``python -m export card``: a model's card, for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, make_parser
from controller.errors import ModelError
from controller.model.cards import Card, read_card
from export.parity.report import names_text
from training.cli.common import add_json, run_command

SCHEMA = Path(__file__).parents[1] / "card.schema.json"


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


def check_schema(facts: dict[str, Any]) -> None:
    """Hold a card against ``card.schema.json``, the description of the format.

    Raises:
        ModelError: Saying what in it is not as the schema has it.
    """
    import fastjsonschema

    try:
        fastjsonschema.validate(json.loads(SCHEMA.read_text()), facts)
    except fastjsonschema.JsonSchemaException as error:
        reason = error.message.replace("data.", "").replace("data ", "the card ", 1)
        raise ModelError(f"card of {facts.get('name')}: {reason}; export again") from error


def _card(args: argparse.Namespace) -> int:
    card = read_card(args.file.with_suffix(".tflite"))
    check_schema(card.facts)
    print(json.dumps(card.facts) if args.json else describe(card))
    return DONE


def describe(card: Card) -> str:
    """A card as text."""
    facts = card.facts
    training, network = facts["training"], facts["training"]["network"]
    weights, held, latency = training["initial_weights"], facts["held_out"], facts["latency"]
    recipe, calibration, output = training["recipe"], facts["calibration"], facts["output"]
    operators = ", ".join(f"{count} {name}" for name, count in facts["operators"].items())
    lines = {
        "takes": f"1x{card.height}x{card.width}x3 uint8 RGB",
        "gives": f"{', '.join(facts['classes'])} as {output['dtype']}; {output['meaning']}; "
        f"scale {output['scale']:g}, zero_point {output['zero_point']}",
        "size": f"{facts['size_bytes']:,} bytes, {facts['parameters']:,} parameters, "
        f"{facts['macs']:,} MACs a frame",
        "operators": operators,
        "SHA-256": card.sha256,
        "trained on": f"{names_text(training['drives']) or 'unknown drives'}",
        "trained by": f"alpha {network.get('alpha')}, {recipe.get('name')} recipe, "
        f"{recipe.get('epochs')} epochs, seed {training['seed']}; run {training['run']}, "
        f"commit {training['commit'][:12]}",
        "started as": f"{weights['from']} (licence: {weights['licence']})",
        "calibrated": f"{calibration['frames']} frames of {names_text(calibration['drives'])}",
        "judged on": f"{names_text(held['drives'])}, {held['frames']} frames: "
        f"accuracy {held['accuracy']:.4f}, balanced {held['balanced_accuracy']:.4f}, "
        f"agreement with float {held['agreement']:.2%}, "
        f"lost {held['accuracy_lost_points']:+.2f} points",
        "speed": f"{latency['p50_ms']:.3f} ms median, {latency['p99_ms']:.3f} ms p99, "
        f"{latency['threads']} thread; {latency['processor']}, {latency['runtime']}",
    }
    head = f"{card.name}  ({facts['quantisation']})"
    return "\n".join([head, *(f"  {name:<12}{said}" for name, said in lines.items())])
