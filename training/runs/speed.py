"""How fast training steps are in every precision, with and without XLA."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from training.backend import load_keras, load_tensorflow
from training.errors import SpecError
from training.networks.networks import NetworkSpec, build_network
from training.pipeline.recipes import Recipe, make_optimizer

WAYS = (
    ("float32", False),
    ("float32", True),
    ("mixed_bfloat16", False),
    ("mixed_bfloat16", True),
)
"""Precision, and whether XLA compiles the step. On a GPU `mixed_float16` is measured, too."""
WARM_UP = 2


def measure_speed(
    spec: NetworkSpec, batch: int, steps: int, turns: int
) -> list[dict[str, str | bool | float]]:
    """Time training steps on one constant batch, each way in turn.

    Args:
        spec: The network.
        batch: Frames a step.
        steps: Steps a turn.
        turns: Turns of each way; the best counts.

    Returns:
        For each way its ``precision``, ``xla``, ``frames_per_s`` and share ``of_float32``.

    Raises:
        SpecError: If a number is below 1.
    """
    if min(batch, steps, turns) < 1:
        raise SpecError("--batch, --steps and --turns must be at least 1")
    gpus = load_tensorflow().config.list_physical_devices("GPU")
    ways = WAYS + ((("mixed_float16", False), ("mixed_float16", True)) if gpus else ())
    frames = _batch(spec, batch)
    models = {way: _build(spec, *way) for way in ways}
    best = dict.fromkeys(ways, float("inf"))
    for model in models.values():
        _steps(model, frames, WARM_UP)
    for _ in range(turns):
        for way, model in models.items():
            best[way] = min(best[way], _steps(model, frames, steps))
    return [
        {
            "precision": precision,
            "xla": xla,
            "frames_per_s": round(steps * batch / best[precision, xla], 1),
            "of_float32": round(best["float32", False] / best[precision, xla], 3),
        }
        for precision, xla in ways
    ]


def _batch(spec: NetworkSpec, size: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (size, spec.height, spec.width, 3)).astype(np.float32)
    tf = load_tensorflow()
    return tf.constant(frames), tf.one_hot(rng.integers(0, 3, size), 3)


def _build(spec: NetworkSpec, precision: str, xla: bool) -> Any:  # noqa: ANN401
    """A compiled network in a precision."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = build_network(spec)
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
