"""Fold batch-norm into convolutions: the network that the car runs, as an ordinary Keras model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.backend import load_keras


def fold(model: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Fold batch-norm into the convolution before it.

    Args:
        model: A Keras model.

    Returns:
        A new model of the same function, in inference mode, without dropout and without the
        batch-norm layers that follow a convolution.
    """
    keras = load_keras()

    def copy(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        if _norm_after(layer) is not None:
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        dropout = isinstance(layer, keras.layers.Dropout)
        if dropout or layer.name in gone:
            return arguments[0]
        return layer(*arguments, **options)

    norms = (_norm_after(layer) for layer in model.layers)
    gone = {norm.name for norm in norms if norm is not None}
    folded = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in folded.layers:
        if layer.weights:
            source = model.get_layer(layer.name)
            layer.set_weights(_folded_weights(source, _norm_after(source)))
    return folded


def _norm_after(layer: Any) -> Any:  # noqa: ANN401
    """The batch-norm that a convolution can take in: it alone has the output; or None."""
    layers = load_keras().layers
    if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)) or not is_linear(layer):
        return None
    nodes = layer._outbound_nodes
    if len(nodes) == 1 and isinstance(nodes[0].operation, layers.BatchNormalization):
        return nodes[0].operation
    return None


def is_linear(layer: Any) -> bool:  # noqa: ANN401
    """Whether a layer has no activation of its own."""
    return getattr(layer.activation, "__name__", "") == "linear"


def _folded_weights(layer: Any, norm: Any) -> list[npt.NDArray[np.floating]]:  # noqa: ANN401
    weights = [np.asarray(value, np.float64) for value in layer.get_weights()]
    if norm is None:
        return weights
    kernel = weights[0]
    mean, variance = (np.asarray(v, np.float64) for v in (norm.moving_mean, norm.moving_variance))
    gamma = np.asarray(norm.gamma, np.float64) if norm.scale else np.ones_like(mean)
    beta = np.asarray(norm.beta, np.float64) if norm.center else np.zeros_like(mean)
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
