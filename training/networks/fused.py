"""Batch-norm by TensorFlow's fused kernel while training.

Keras builds batch-norm from a dozen element-wise operations, each of which goes through memory
once more; the kernel does it in two passes. What is learnt and what is saved is the same. How much
it gains: docs/adr/0009.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from training.backend import load_keras, load_tensorflow


def fuse_batch_norm(model: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Have a model's batch-norm layers use the fused kernel, until it is saved and loaded again.

    Args:
        model: A model whose training and prediction functions are not traced yet; changed.

    Returns:
        The model.
    """
    for layer in model.layers:
        known = type(layer) is load_keras().layers.BatchNormalization and layer.axis in (-1, 3)
        if known and layer.compute_dtype == "float32":
            layer.call = partial(_normalise, layer)
    return model


def _normalise(layer: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401
    """What Keras' own ``call`` computes, for ``(N, H, W, C)`` inputs."""
    tf = load_tensorflow()
    kernel = partial(
        tf.compat.v1.nn.fused_batch_norm, inputs, layer.gamma, layer.beta, epsilon=layer.epsilon
    )
    if not (training and layer.trainable):
        return kernel(mean=layer.moving_mean, variance=layer.moving_variance, is_training=False)[0]
    outputs, mean, variance = kernel(is_training=True)
    # The kernel gives the variance of a sample, N / (N - 1) of what Keras keeps.
    count = load_keras().ops.convert_to_tensor(
        tf.reduce_prod(tf.shape(inputs)[:-1]), variance.dtype
    )
    variance *= (count - 1.0) / count
    old = layer.momentum
    layer.moving_mean.assign(layer.moving_mean * old + mean * (1.0 - old))
    layer.moving_variance.assign(layer.moving_variance * old + variance * (1.0 - old))
    return outputs
