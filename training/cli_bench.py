"""``python -m training bench``: what the input pipeline costs the training step."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from controller.cli import DONE, make_parser
from training.backend import load_keras
from training.cli import add_json, open_pool, run_command
from training.errors import SpecError
from training.networks import build_network, spec_of
from training.pipeline import training_batches
from training.recipes import Recipe, make_optimizer


def main(argv: Sequence[str] | None = None) -> int:
    """Compare training on real batches with training on one constant batch."""
    parser = make_parser(
        "python -m training bench",
        "Frames a second of training steps fed by the real input pipeline, against the same steps\n"
        "on one constant batch; both take turns. Prints the process' peak memory, too.",
        "python -m training bench frames/t1 --network sliced11 --alpha 0.25",
    )
    parser.add_argument("data", type=Path, nargs="+", help="data sets")
    parser.add_argument("--network", default="sliced11")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40, help="steps a turn (40)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each (3)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _bench(args))


def _bench(args: argparse.Namespace) -> int:
    if args.steps < 1 or args.turns < 1:
        raise SpecError("--steps and --turns must be at least 1")
    spec = spec_of(args.network, alpha=args.alpha)
    pool = open_pool(args.data, (spec.height, spec.width))
    recipe = Recipe(batch=args.batch, epochs=10_000)
    keras = load_keras()
    keras.utils.set_random_seed(0)
    model = build_network(spec)
    model.compile(make_optimizer(recipe, 10_000), "categorical_crossentropy")
    real = iter(training_batches(pool, recipe, 0))
    constant = next(real)
    size = int(constant[0].shape[0])
    _steps(model, [constant] * 3)
    seconds = {"pipeline": 0.0, "constant": 0.0}
    for _ in range(args.turns):
        seconds["constant"] += _steps(model, (constant for _ in range(args.steps)))
        seconds["pipeline"] += _steps(model, (next(real) for _ in range(args.steps)))
    frames = args.steps * args.turns * size
    facts = {
        "frames_in_data": len(pool),
        "pipeline_frames_per_s": round(frames / seconds["pipeline"], 1),
        "constant_frames_per_s": round(frames / seconds["constant"], 1),
        "share": round(seconds["constant"] / seconds["pipeline"], 4),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(facts) if args.json else "\n".join(f"{k}: {v}" for k, v in facts.items()))
    return DONE


def _steps(model: Any, batches: Iterable[Any]) -> float:  # noqa: ANN401 - Keras has no types
    """Train on batches; seconds taken."""
    start = time.perf_counter()
    for frames, targets, weights in batches:
        model.train_on_batch(frames, targets, sample_weight=weights)
    return time.perf_counter() - start
