"""What training costs: the input pipeline, memory, and the machine's own limit."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from controller.recording.frameset import FrameSet, load_frameset, write_meta
from training.backend import load_keras, load_tensorflow
from training.data.pool import Pool
from training.networks.fused import fuse_batch_norm
from training.networks.macs import count_macs
from training.networks.networks import NetworkSpec, build_network
from training.pipeline.batches import training_batches
from training.pipeline.recipes import Recipe, make_optimizer

FLOPS_PER_MAC = 6
"""A multiply and an add, once forward and twice backward: to the weights and to the input."""
_MATRIX = 2048
_WARM_STEPS = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """Frames a second, medians over turns.

    Attributes:
        pipeline: Of training steps fed by the real input pipeline.
        constant: Of the same steps on one constant batch.
        alone: Of the pipeline with nothing behind it.
        step_flops: Floating-point operations a second of the steps on the constant batch.
        peak_flops: The same of one large float32 matrix product, on the same threads.
        share: How much of the constant batch's speed the pipeline leaves, 0 to 1: the median of
            pairs of turns, one right after the other, so that what else the machine does falls
            on both.
    """

    pipeline: float
    constant: float
    alone: float
    step_flops: float
    peak_flops: float
    share: float

    @property
    def share_of_peak(self) -> float:
        """How much of the machine's measured peak the step reaches, 0 to 1."""
        return self.step_flops / self.peak_flops


def measure_speed(
    spec: NetworkSpec, pool: Pool, batch: int, steps: int, turns: int, *, fused: bool = True
) -> Speed:
    """Train on real batches and on a constant one, taking turns.

    Args:
        spec: The network.
        pool: The frames.
        batch: Frames a step.
        steps: Steps a turn.
        turns: Turns of each.
        fused: Batch-norm by the fused kernel, as in training; else as Keras builds it.
    """
    recipe = Recipe(batch=batch, epochs=10_000)
    model = _compiled(spec, recipe, fused=fused)
    real = iter(training_batches(pool, recipe, 0))
    constant = next(real)
    size = int(constant[0].shape[0])
    _steps(model, [constant] * _WARM_STEPS)
    rates: dict[str, list[float]] = {"constant": [], "pipeline": [], "alone": []}
    for _ in range(turns):
        rates["constant"].append(steps / _steps(model, (constant for _ in range(steps))))
        rates["pipeline"].append(steps / _steps(model, (next(real) for _ in range(steps))))
    for _ in range(turns):
        start = time.perf_counter()
        for _ in range(steps):
            next(real)
        rates["alone"].append(steps / (time.perf_counter() - start))
    pipeline, constant_rate, alone = (
        median(rates[name]) * size for name in ("pipeline", "constant", "alone")
    )
    flops = FLOPS_PER_MAC * count_macs(model) * constant_rate
    pairs = zip(rates["pipeline"], rates["constant"], strict=True)
    share = median(real_rate / fixed for real_rate, fixed in pairs)
    return Speed(pipeline, constant_rate, alone, flops, matmul_flops(turns), share)


def _compiled(spec: NetworkSpec, recipe: Recipe, *, fused: bool = True) -> Any:  # noqa: ANN401
    keras = load_keras()
    keras.utils.set_random_seed(0)
    model = build_network(spec)
    if fused:
        fuse_batch_norm(model)
    model.compile(make_optimizer(recipe, 10_000), "categorical_crossentropy")
    return model


def _steps(model: Any, batches: Iterable[Any]) -> float:  # noqa: ANN401
    """Train on batches; seconds taken."""
    start = time.perf_counter()
    for frames, targets, weights in batches:
        model.train_on_batch(frames, targets, sample_weight=weights)
    return time.perf_counter() - start


def matmul_flops(turns: int = 5) -> float:
    """Floating-point operations a second of one large float32 matrix product, the best turn."""
    tf = load_tensorflow()
    matrix = tf.random.normal((_MATRIX, _MATRIX))
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix))
    product()
    seconds = []
    for _ in range(max(3, turns)):
        start = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * _MATRIX**3 / min(seconds)


def make_frames(count: int, shape: tuple[int, int], folder: Path) -> FrameSet:
    """A frame set of noise on disk, memory-mapped, of any size with little memory."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    full = (count, *shape, 3)
    frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, full)
    for start in range(0, count, 1024):
        part = frames[start : start + 1024]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
    frames.flush()
    del frames
    np.save(folder / "labels.npy", (np.arange(count) % 3).astype(np.uint8))
    np.save(folder / "drives.npy", np.zeros(count, np.uint16))
    np.save(folder / "times_ns.npy", np.arange(count, dtype=np.int64) * 50_000_000)
    np.save(folder / "steering.npy", np.full(count, np.nan, np.float32))
    write_meta(folder, ("noise",), "noise", {})
    return load_frameset(folder)


def one_epoch(spec: NetworkSpec, pool: Pool, batch: int) -> float:
    """Train for a whole epoch on the real pipeline.

    Returns:
        The process' peak resident memory so far, MiB.
    """
    recipe = Recipe(batch=batch, epochs=1)
    model = _compiled(spec, recipe)
    _steps(model, iter(training_batches(pool, recipe, 0)))
    return peak_mib()


def peak_mib() -> float:
    """The process' peak resident memory so far, mapped files included, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
