"""From frames on disk to batches: memory stays flat, and every epoch can be repeated by number."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from controller.errors import DataError
from controller.frames import CLASS_NAMES
from training.backend import load_keras, load_tensorflow
from training.data.pool import Pool
from training.pipeline.augment import augment
from training.pipeline.recipes import Recipe

_CLASSES = len(CLASS_NAMES)


def steps_per_epoch(pool: Pool, batch: int) -> int:
    """Whole batches in an epoch; the few frames left over are others in the next epoch."""
    return max(1, len(pool) // batch)


def training_batches(
    pool: Pool,
    recipe: Recipe,
    seed: int,
    first_epoch: int = 0,
    epochs: int | None = None,
) -> Any:  # noqa: ANN401 - a tf.data.Dataset
    """Shuffled, augmented batches, epoch after epoch.

    Order and augmentation of an epoch depend on the seed and the epoch's number alone, so that a
    resumed run sees what the uninterrupted one would have seen.

    Args:
        pool: The training frames.
        recipe: Batch size, balance and augmentation.
        seed: Of order and augmentation.
        first_epoch: Number of the first epoch to give.
        epochs: How many epochs there are in all; None for the recipe's.

    Returns:
        A ``tf.data.Dataset`` of ``(frames (B, H, W, 3) float32, targets (B, 3) float32, weights
        (B,) float32)`` with `steps_per_epoch` batches for each epoch.

    Raises:
        DataError: If classes are balanced and one has no frame.
    """
    tf = load_tensorflow()
    size = min(recipe.batch, len(pool))
    steps = steps_per_epoch(pool, size)
    by_weights = recipe.balance == "weights"
    weights = pool.class_weights() if by_weights else np.ones(_CLASSES, np.float32)
    last = recipe.epochs if epochs is None else epochs

    def read(number: Any) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
        epoch, step = divmod(int(number), steps)
        rows = _order(len(pool), seed, epoch)[step * size : (step + 1) * size]
        frames, labels = pool.gather(rows), pool.labels[rows]
        if recipe.augmentation is None:
            return frames, labels
        return augment(
            frames, labels, np.random.default_rng([seed, 1, number]), recipe.augmentation
        )

    convert = load_keras().ops.convert_to_tensor

    def finish(frames: Any, labels: Any) -> Any:  # noqa: ANN401
        frames = convert(tf.ensure_shape(frames, (size, *pool.shape, 3)), "float32")
        labels = convert(tf.ensure_shape(labels, (size,)), "int32")
        return frames, tf.one_hot(labels, _CLASSES), tf.gather(tf.constant(weights), labels)

    numbers = tf.data.Dataset.range(first_epoch * steps, last * steps)
    batches = numbers.map(
        lambda number: finish(*tf.numpy_function(read, [number], (tf.uint8, tf.uint8))),
        num_parallel_calls=1,  # two would share Python's lock, and take a core from the step
    )
    return batches.prefetch(4)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's frames."""
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


def evaluation_batches(pool: Pool, batch: int = 256, *, balanced: bool = True) -> Any:  # noqa: ANN401
    """All frames once, in order, unchanged.

    Args:
        pool: The frames.
        batch: Frames a batch; the last one may be smaller.
        balanced: Weights that make every class present count alike, so that a weighted accuracy
            is the balanced accuracy.

    Returns:
        A ``tf.data.Dataset`` of frames, one-hot targets and weights as in `training_batches`.
    """
    tf = load_tensorflow()
    counts = np.maximum(pool.class_counts(), 1)
    weights = (len(pool) / (_CLASSES * counts)).astype(np.float32) if balanced else np.ones(3, "f4")

    def read(start: Any) -> Any:  # noqa: ANN401
        part = slice(int(start), int(start) + batch)
        labels = pool.labels[part]
        targets = np.eye(_CLASSES, dtype=np.float32)[labels]
        return pool.gather(part).astype(np.float32), targets, weights[labels]

    def shaped(frames: Any, targets: Any, sample_weights: Any) -> Any:  # noqa: ANN401
        return (
            tf.ensure_shape(frames, (None, *pool.shape, 3)),
            tf.ensure_shape(targets, (None, _CLASSES)),
            tf.ensure_shape(sample_weights, (None,)),
        )

    starts = tf.data.Dataset.range(0, len(pool), batch)
    types = (tf.float32, tf.float32, tf.float32)
    batches = starts.map(lambda start: tf.numpy_function(read, [start], types)).map(shaped)
    return batches.prefetch(2)


def predict(model: Any, pool: Pool, batch: int = 256) -> np.ndarray:  # noqa: ANN401
    """A network's probabilities for every frame.

    Returns:
        ``(N, 3) float32`` in the order of the pool.

    Raises:
        DataError: If the frames are not of the shape that the network takes.
    """
    check_shape(model, pool)
    batches = evaluation_batches(pool, batch).map(lambda frames, *_: frames)
    return np.asarray(model.predict(batches, verbose=0), np.float32)


def check_shape(model: Any, pool: Pool) -> None:  # noqa: ANN401
    """Refuse frames of another shape than a network takes.

    Raises:
        DataError: Naming both shapes.
    """
    wanted = tuple(model.input_shape[1:3])
    if pool.shape != wanted:
        raise DataError(
            f"frames are {pool.shape[0]}x{pool.shape[1]}, the network takes {wanted[0]}x{wanted[1]}"
        )
