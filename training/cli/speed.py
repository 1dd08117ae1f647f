"""``python -m training speed``: do mixed precision and XLA help on this machine?"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from controller.cli.common import DONE, make_parser
from training.backend import load_keras, load_tensorflow
from training.cli.common import add_json, run_command
from training.errors import SpecError
from training.networks.networks import build_network, spec_of
from training.pipeline.recipes import Recipe, make_optimizer

WAYS = (
    ("float32", False),
    ("float32", True),
    ("mixed_bfloat16", False),
    ("mixed_bfloat16", True),
)
"""Precision, and whether XLA compiles the step. On a GPU `mixed_float16` is measured, too."""
WARM_UP = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Measure training steps in every precision, with and without XLA."""
    parser = make_parser(
        "python -m training speed",
        "Frames a second of training steps on one constant batch, in single and mixed precision,\n"
        "with and without XLA. `train` takes what is fastest as --precision and --xla.",
        "python -m training speed --network sliced11 --alpha 0.25",
    )
    add = parser.add_argument
    add("--network", default="sliced11", help="as in `train` (sliced11)")
    add("--alpha", type=float, default=1.0, help="width multiplier (1)")
    add("--batch", type=int, default=64, help="frames a step (64)")
    add("--steps", type=int, default=10, help="steps a turn (10)")
    add("--turns", type=int, default=3, help="turns of each, taken in turn; the best counts (3)")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _speed(args))


def _speed(args: argparse.Namespace) -> int:
    if min(args.batch, args.steps, args.turns) < 1:
        raise SpecError("--batch, --steps and --turns must be at least 1")
    gpus = load_tensorflow().config.list_physical_devices("GPU")
    ways = WAYS + ((("mixed_float16", False), ("mixed_float16", True)) if gpus else ())
    batch = _batch(args)
    models = {way: _build(args, *way) for way in ways}
    best = dict.fromkeys(ways, float("inf"))
    for way, model in models.items():
        _steps(model, batch, WARM_UP)
        del way
    for _ in range(args.turns):
        for way, model in models.items():
            best[way] = min(best[way], _steps(model, batch, args.steps))
    facts = [
        {
            "precision": precision,
            "xla": xla,
            "frames_per_s": round(args.steps * args.batch / best[precision, xla], 1),
            "of_float32": round(best["float32", False] / best[precision, xla], 3),
        }
        for precision, xla in ways
    ]
    if args.json:
        print(json.dumps(facts))
        return DONE
    print(f"{'precision':<16}{'XLA':<6}{'frames/s':>10}{'of float32':>12}")
    for row in facts:
        print(
            f"{row['precision']:<16}{'yes' if row['xla'] else 'no':<6}"
            f"{row['frames_per_s']:>10}{row['of_float32']:>12}"
        )
    return DONE


def _batch(args: argparse.Namespace) -> tuple[Any, Any]:
    spec = spec_of(args.network, alpha=args.alpha)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (args.batch, spec.height, spec.width, 3)).astype(np.float32)
    tf = load_tensorflow()
    return tf.constant(frames), tf.one_hot(rng.integers(0, 3, args.batch), 3)


def _build(args: argparse.Namespace, precision: str, xla: bool) -> Any:  # noqa: ANN401
    """A compiled network in a precision."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = build_network(spec_of(args.network, alpha=args.alpha))
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(make_optimizer(Recipe(), 10_000), "categorical_crossentropy", jit_compile=xla)
    return model


def _steps(model: Any, batch: tuple[Any, Any], count: int) -> float:  # noqa: ANN401
    """Seconds of so many training steps."""
    began = time.perf_counter()
    for _ in range(count):
        model.train_on_batch(*batch)
    return time.perf_counter() - began
