"""``python -m controller models``: the models that ship with the project."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.common import DONE, add_command, print_json
from controller.model.cards import Card, read_card
from controller.model.pilot import shipped_models


def add_models_command(commands: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add ``models``."""
    parser = add_command(
        commands,
        "models",
        _models,
        "List the shipped models, after checking each against its card.",
        "python -m controller models",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _models(arguments: argparse.Namespace) -> int:
    figures = {path.stem: _figures(read_card(path)) for path in shipped_models()}
    if arguments.json:
        print_json(figures)
        return DONE
    print(
        f"{'name':<10}{'frame':>8}{'kB':>8}{'M MACs':>8}{'agreement':>11}{'balanced':>10}{'ms':>8}"
    )
    for name, row in figures.items():
        cells = (
            f"{row['width']}x{row['height']}",
            f"{row['size_bytes'] / 1000:.0f}",
            f"{row['macs'] / 1e6:.2f}",
            f"{row['agreement']:.4f}",
            f"{row['balanced_accuracy']:.4f}",
            f"{row['invoke_ms']:.3f}",
        )
        widths = (8, 8, 8, 11, 10, 8)
        columns = zip(cells, widths, strict=True)
        print(f"{name:<10}" + "".join(f"{cell:>{width}}" for cell, width in columns))
        print(f"          {row['measured']}")
    return DONE


def _figures(card: Card) -> dict[str, Any]:
    """What one chooses a model by."""
    held, latency = card.facts["held_out"], card.facts["latency"]
    return {
        "width": card.width,
        "height": card.height,
        "size_bytes": card.facts["size_bytes"],
        "macs": card.facts["macs"],
        "agreement": held["agreement"],
        "balanced_accuracy": held["balanced_accuracy"],
        "invoke_ms": latency["p50_ms"],
        "measured": f"on {held['frames']} held-out frames; invoke on {latency['processor']}",
    }
