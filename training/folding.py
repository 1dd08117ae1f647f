"""Fold batch-norm into convolutions: the network that the car runs, as an ordinary Keras model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.backend import load_keras


def fold(model: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Fold batch-norm into the convolution before it.

    Args:
        model: A Keras model in which every batch-norm follows a convolution.

    Returns:
        A new model of the same function, in inference mode, without batch-norm and dropout.
    """
    keras = load_keras()
    layers = keras.layers
    convolutions = (layers.Conv2D, layers.DepthwiseConv2D)
    skipped = (layers.BatchNormalization, layers.Dropout)

    def copy(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        if isinstance(layer, convolutions) and _norm_after(layer) is not None:
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if isinstance(layer, skipped):
            return arguments[0]
        return layer(*arguments, **options)

    folded = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in folded.layers:
        if layer.weights:
            source = model.get_layer(layer.name)
            layer.set_weights(_folded_weights(source, _norm_after(source)))
    return folded


def _norm_after(layer: Any) -> Any:  # noqa: ANN401
    """The batch-norm that alone takes a layer's output, or None."""
    keras = load_keras()
    nodes = layer._outbound_nodes
    if len(nodes) == 1 and isinstance(nodes[0].operation, keras.layers.BatchNormalization):
        return nodes[0].operation
    return None


def _folded_weights(layer: Any, norm: Any) -> list[npt.NDArray[np.floating]]:  # noqa: ANN401
    weights = [np.asarray(value, np.float64) for value in layer.get_weights()]
    if norm is None:
        return weights
    kernel = weights[0]
    gamma, beta, mean, variance = (
        np.asarray(value, np.float64)
        for value in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    factor = gamma / np.sqrt(variance + norm.epsilon)
    bias = weights[1] if layer.use_bias else 0.0
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    shape = kernel.shape[2:] if depthwise else (1, 1, 1, -1)
    return [kernel * factor.reshape(shape), beta + (bias - mean) * factor]


def in_one_line(model: Any) -> bool:  # noqa: ANN401
    """Whether every operation of a model takes the one before it, and nothing else."""
    return all(
        len(operation._inbound_nodes) == 1
        and len(operation._inbound_nodes[0].parent_nodes) <= 1
        and len(operation._outbound_nodes) <= 1
        for operation in model.operations
    )
