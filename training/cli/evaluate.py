"""``python -m training evaluate``: a trained network on data that it has not seen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from controller.cli.common import DONE, make_parser
from training.backend import load_model
from training.cli.common import add_json, run_command
from training.data.registry import open_pool
from training.data.splits import equal_classes
from training.pipeline.batches import predict
from training.report.metrics import confusion_text, score


def main(argv: Sequence[str] | None = None) -> int:
    """Print accuracy, balanced accuracy and confusion of a model."""
    parser = make_parser(
        "python -m training evaluate",
        "Judge a trained network on labelled data.",
        "python -m training evaluate runs/first/sliced11/model.keras tubs/day1 --json",
    )
    parser.add_argument("model", type=Path, help="model.keras, or its run folder")
    parser.add_argument("data", type=Path, nargs="+", help="data sets")
    parser.add_argument(
        "--equal-classes",
        action="store_true",
        help="draw as many frames of every class as the smallest has, as the seed's test set does",
    )
    parser.add_argument("--seed", type=int, default=0, help="of that drawing (0)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _evaluate(args))


def _evaluate(args: argparse.Namespace) -> int:
    model = load_model(args.model)
    pool = open_pool(args.data, tuple(model.input_shape[1:3]))
    if args.equal_classes:
        pool = equal_classes(pool, args.seed)
    result = score(pool.labels, predict(model, pool))
    if args.json:
        print(json.dumps(result.as_json()))
        return DONE
    print(
        f"{', '.join(pool.drives_present)}: {result.frames} frames, accuracy "
        f"{result.accuracy:.4f}, balanced accuracy {result.balanced_accuracy:.4f}"
    )
    print(confusion_text(result))
    return DONE
