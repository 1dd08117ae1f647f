"""Round weights to 8 bits so that a layer's errors cancel on frames.

Weights are rounded one input after the other, not each to the nearest; what a rounding changes in a
layer's outputs on real frames is made up by the weights that are still to be rounded. The method is
that of Frantar et al. 2022, "GPTQ" (arXiv:2210.17323). Layers are done in order, each fed by the
layers that are rounded already while its target is what the network computed before, so that a
layer also makes up for those before it; at last its bias takes the mean of what is left.

The result is an ordinary Keras network whose weights lie on the grid that the TFLite converter uses
(per output channel, symmetric, -127 to 127, the largest weight at the end of the grid): converting
it changes no weight any more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from controller.frames import Pixels
from training.backend import load_keras
from training.networks.folding import fold, in_one_line, is_linear

STEPS = 127
ROWS = 20_000
"""Places of a layer's input that are looked at; a layer has at most 1024 inputs."""
AT_A_TIME = 16
"""Frames whose patches are in memory together."""
FIRST_PLACES = 1_000_000
"""Places of the first layer's maps over all frames: 1087 frames of 45x80, 79 of 224x224."""
DAMPING = 0.01
"""Added to the diagonal of the inputs' products, as a share of its mean: GPTQ's own value."""

_AT_A_TIME = 16
"""Frames of which all patches are in memory at once."""

Array = npt.NDArray[np.float64]


def round_weights(model: Any, frames: Pixels) -> Any:  # noqa: ANN401 - Keras has no types
    """Fold batch-norm and round the weights of every convolution.

    Args:
        model: A Keras model of this package.
        frames: ``(N, H, W, 3) uint8`` training frames, a few hundred.

    Returns:
        A new model, folded; where its layers do not stand in one line or a convolution has an
        activation of its own (VGG16), folded only.
    """
    exact, rounded = fold(model), fold(model)
    keras = load_keras()
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in rounded.operations if isinstance(layer, kinds)]
    if not convolutions or not in_one_line(exact) or not all(map(is_linear, convolutions)):
        return rounded
    true = rough = _few(frames, convolutions[0]).astype(np.float32)
    for one, other in zip(exact.operations[1:], rounded.operations[1:], strict=True):
        if other in convolutions:
            _round_layer(other, np.asarray(one(true)), rough)
        true, rough = one(true), other(rough)
    return rounded


def _few(frames: Pixels, first: Any) -> Pixels:  # noqa: ANN401
    """As many frames, evenly spaced, as fit into memory; the first layer's maps are the largest."""
    places = first.output.shape[1] * first.output.shape[2]
    count = min(len(frames), max(1, FIRST_PLACES // places))
    return frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]


def _round_layer(layer: Any, target: npt.NDArray[np.float32], inputs: Any) -> None:  # noqa: ANN401
    """Round one layer's kernel and set its bias, so that it comes close to its target."""
    kernel, bias = (np.asarray(value, np.float64) for value in layer.get_weights())
    patches = _patches(layer, inputs, target)
    wanted = target.reshape(-1, target.shape[-1])[_places(target)] - bias
    if type(layer).__name__ == "DepthwiseConv2D":
        size = kernel.shape[0] * kernel.shape[1]
        columns = kernel.reshape(size, -1)
        done = np.empty_like(columns)
        for channel in range(columns.shape[1]):
            own = slice(channel, channel + 1)
            done[:, own] = _round_columns(patches[:, :, channel], wanted[:, own], columns[:, own])
        left = wanted - np.einsum("npc,pc->nc", patches, done)
    else:
        columns = kernel.reshape(-1, kernel.shape[-1])
        flat = patches.reshape(len(patches), -1)
        done = _round_columns(flat, wanted, columns)
        left = wanted - flat @ done
    layer.set_weights([done.reshape(kernel.shape), bias + left.mean(axis=0)])


def _places(target: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Rows of a flattened output that are looked at."""
    count = int(np.prod(target.shape[:-1]))
    return np.unique(np.linspace(0, count - 1, min(ROWS, count)).astype(np.int64))


def _patches(layer: Any, inputs: Any, target: npt.NDArray[np.float32]) -> Array:  # noqa: ANN401
    """``(places, kernel places, channels)`` what the layer's kernel lies over."""
    keras = load_keras()
    places, per_frame = _places(target), int(np.prod(target.shape[1:3]))
    parts = []
    for start in range(0, len(target), _AT_A_TIME):
        found = keras.ops.image.extract_patches(
            inputs[start : start + _AT_A_TIME],
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
        )
        first = start * per_frame
        flat = np.asarray(found).reshape(-1, found.shape[-1])
        here = places[(places >= first) & (places < first + len(flat))] - first
        parts.append(flat[here].astype(np.float64))
    rows = np.concatenate(parts)
    return rows.reshape(len(rows), -1, inputs.shape[-1])


def _round_columns(inputs: Array, wanted: Array, columns: Array) -> Array:
    """Round columns of weights.

    Args:
        inputs: ``(n, inputs)``.
        wanted: ``(n, outputs)`` what ``inputs @ columns`` ought to be.
        columns: ``(inputs, outputs)`` weights before.

    Returns:
        ``(inputs, outputs)`` weights on the grid of each output.
    """
    products = inputs.T @ inputs
    damping = DAMPING * max(float(np.diag(products).mean()), 1e-12)
    products[np.diag_indices_from(products)] += damping
    inverse = np.linalg.inv(products)
    weights = columns + inverse @ (inputs.T @ (wanted - inputs @ columns))
    largest = np.abs(columns).argmax(axis=0)
    scale = np.abs(columns).max(axis=0) / STEPS
    scale[scale == 0.0] = 1.0
    ends = np.sign(columns[largest, np.arange(columns.shape[1])])
    # Row i of this factor says how the weights behind i make up for an error in i.
    factor = np.linalg.cholesky(inverse).T
    done = np.empty_like(weights)
    for i in range(len(weights)):
        steps = np.clip(np.rint(weights[i] / scale), -STEPS, STEPS)
        # The largest weight ends the grid: without it the converter would choose another one.
        steps = np.where(largest == i, STEPS * ends, steps)
        done[i] = steps * scale
        error = (weights[i] - done[i]) / factor[i, i]
        weights[i + 1 :] -= np.outer(factor[i, i + 1 :], error)
    return done
