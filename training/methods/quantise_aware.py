"""Fine-tune a network with 8-bit rounding in its forward pass, taught by the network itself.

Rounding has no gradient; it is taken as if it had not happened (the straight-through estimator,
Bengio et al. 2013, arXiv:1308.3432; for networks Jacob et al. 2017, arXiv:1712.05877). The teacher
is the network before, on the same augmented frames, so that no label is needed. A second term draws
the rounded and the unrounded answers together. What comes out is an ordinary Keras network, folded,
with its weights on the converter's grid: `python -m export` takes it as any other.

TensorFlow's own toolkit for this, tensorflow-model-optimization, knows Keras 2 alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.backend import load_keras, load_tensorflow
from training.data.pool import Pool
from training.errors import SpecError
from training.methods.rounding import STEPS, round_weights
from training.networks.folding import fold, in_one_line
from training.pipeline.batches import steps_per_epoch, training_batches
from training.pipeline.recipes import Recipe

VALUE_STEPS = 255
RELU6 = 6.0
OWN_SHARE = 0.3
"""Weight of the second term: mean square between rounded and unrounded logits."""
LAST_RATE = 0.02
"""Learning rate at the end, as a share of the first one."""
START_FRAMES = 600
"""Frames from which the weights are rounded to begin with."""

_ROUNDED = ("ReLU", "Rescaling", "GlobalAveragePooling2D", "Dense")
_KNOWN = ("Conv2D", "DepthwiseConv2D", "ZeroPadding2D", "Flatten", "ResizeBilinear", "Resize")


class RoundedNetwork:
    """A folded network in one line that can be run with and without rounding.

    Attributes:
        model: The Keras model whose weights it uses.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - Keras has no types
        kinds = {type(layer).__name__ for layer in model.operations[1:]}
        if not in_one_line(model) or not kinds <= {*_ROUNDED, *_KNOWN}:
            raise SpecError(
                "quantisation-aware fine-tuning is for MobileNet and the DFN, whose layers stand "
                f"in one line; this network has {', '.join(sorted(kinds))}"
            )
        self.model = model

    def logits(self, frames: Any, *, rounded: bool) -> Any:  # noqa: ANN401
        """``(N, 3)`` logits, with every weight and value rounded as an int8 file does, or not."""
        tf = load_tensorflow()
        layers = self.model.operations[1:]
        x = frames
        for layer in layers:
            kind = type(layer).__name__
            if kind in ("Conv2D", "DepthwiseConv2D", "Dense"):
                kernel = round_kernel(layer.kernel, kind) if rounded else layer.kernel
                x = _apply(tf, layer, kind, x, kernel) + layer.bias
                if kind == "Dense" and layer is not layers[-1]:
                    x = layer.activation(x)
            else:
                x = layer(x)
            if rounded and kind in _ROUNDED:
                x = _round_values(tf, x, RELU6 if kind == "ReLU" else None)
        return x

    def probabilities(self, pool: Pool, *, rounded: bool, batch: int = 256) -> np.ndarray:
        """``(N, 3) float32`` for every frame of a pool."""
        tf = load_tensorflow()
        run = tf.function(lambda x: tf.nn.softmax(self.logits(x, rounded=rounded)))
        parts = [
            np.asarray(run(pool.gather(slice(start, start + batch)).astype(np.float32)))
            for start in range(0, len(pool), batch)
        ]
        return np.concatenate(parts)


def _apply(tf: Any, layer: Any, kind: str, x: Any, kernel: Any) -> Any:  # noqa: ANN401
    if kind == "Dense":
        return tf.matmul(x, kernel)
    convolve = tf.nn.conv2d if kind == "Conv2D" else tf.nn.depthwise_conv2d
    return convolve(x, kernel, (1, *layer.strides, 1), layer.padding.upper())


def round_kernel(kernel: Any, kind: str) -> Any:  # noqa: ANN401
    """A kernel on the converter's grid: symmetric, one scale for each output channel."""
    tf = load_tensorflow()
    axes = (0, 1) if kind == "DepthwiseConv2D" else tuple(range(len(kernel.shape) - 1))
    kernel = tf.convert_to_tensor(kernel)
    scale = tf.reduce_max(tf.abs(kernel), axes, keepdims=True) / STEPS
    scale = tf.stop_gradient(tf.maximum(scale, 1e-12))
    return kernel + tf.stop_gradient(tf.round(kernel / scale) * scale - kernel)


def _round_values(tf: Any, x: Any, most: float | None) -> Any:  # noqa: ANN401
    """Values on 256 steps over 0 to ``most``, or over the batch's own range."""
    if most is None:
        low, high = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 1e-6)
    else:
        low, high = 0.0, most
    step = (high - low) / VALUE_STEPS
    return x + tf.stop_gradient(tf.round((x - low) / step) * step + low - x)


@dataclass(slots=True, eq=False)
class FineTuning:
    """A fine-tuning under way: the student, its teacher and its optimiser.

    Attributes:
        teacher: The network before, folded.
        student: The network that learns; its weights start rounded.
        optimizer: Keras' Adam.
    """

    teacher: RoundedNetwork
    student: RoundedNetwork
    optimizer: Any

    @classmethod
    def begin(cls, model: Any, pool: Pool, recipe: Recipe) -> FineTuning:  # noqa: ANN401
        """Round a network's weights on training frames, and get ready to train it."""
        keras = load_keras()
        teacher = RoundedNetwork(fold(model))
        rows = np.unique(np.linspace(0, len(pool) - 1, min(START_FRAMES, len(pool))).astype(int))
        student = RoundedNetwork(round_weights(model, pool.gather(rows)))
        rate = keras.optimizers.schedules.CosineDecay(
            recipe.learning_rate, steps_per_epoch(pool, recipe.batch) * recipe.epochs, LAST_RATE
        )
        optimizer = keras.optimizers.Adam(rate)
        optimizer.build(student.model.trainable_variables)
        return cls(teacher, student, optimizer)

    def train_epoch(self, pool: Pool, recipe: Recipe, seed: int, epoch: int) -> dict[str, float]:
        """One pass over the frames.

        Returns:
            Means of ``divergence`` (of the teacher's answers from the rounded ones, in nats) and
            ``own_error`` (mean square between rounded and unrounded logits).
        """
        step = self._step()
        figures = [
            [float(value) for value in step(frames)]
            for frames, *_ in training_batches(pool, recipe, seed, epoch, epoch + 1)
        ]
        divergence, own = np.mean(figures, axis=0)
        return {"divergence": float(divergence), "own_error": float(own)}

    def _step(self) -> Any:  # noqa: ANN401
        tf = load_tensorflow()
        variables = self.student.model.trainable_variables

        @tf.function
        def step(frames: Any) -> Any:  # noqa: ANN401
            wanted = tf.nn.softmax(self.teacher.logits(frames, rounded=False))
            with tf.GradientTape() as tape:
                rounded = self.student.logits(frames, rounded=True)
                exact = self.student.logits(frames, rounded=False)
                missing = tf.math.log(wanted + 1e-9) - tf.nn.log_softmax(rounded)
                divergence = tf.reduce_mean(tf.reduce_sum(wanted * missing, axis=1))
                gap = rounded - exact
                own = tf.reduce_mean((gap - tf.reduce_mean(gap, axis=1, keepdims=True)) ** 2)
                loss = divergence + OWN_SHARE * own
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return divergence, own

        return step

    def save(self, path: Path) -> None:
        """Write everything that going on needs, to a ``.npz`` file."""
        values = [*self.student.model.weights, *self.optimizer.variables]
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **{f"v{i}": np.asarray(value) for i, value in enumerate(values)})
        partial.rename(path)

    def load(self, path: Path) -> None:
        """Go on from a file that `save` wrote."""
        with np.load(path) as stored:
            for i, value in enumerate([*self.student.model.weights, *self.optimizer.variables]):
                value.assign(stored[f"v{i}"])

    def finished(self) -> Any:  # noqa: ANN401
        """The student with its weights on the grid: what is exported."""
        for layer in self.student.model.layers:
            if layer.weights:
                kernel, bias = layer.get_weights()
                layer.set_weights([np.asarray(round_kernel(kernel, type(layer).__name__)), bias])
        return self.student.model
