"""Multiply-accumulates of a network, counted layer by layer."""

from __future__ import annotations

import math
from typing import Any


def layer_macs(layer: Any) -> int:  # noqa: ANN401 - Keras has no types
    """Multiply-accumulates of one layer for one frame; 0 where it multiplies by no weights.

    Batch-norm is folded into the convolution before it by the converter, and counts nothing.
    """
    kind = type(layer).__name__
    if kind not in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return 0
    kernel = math.prod(layer.kernel.shape)
    if kind == "Dense":
        return kernel
    _, height, width, _ = layer.output.shape
    return kernel * height * width


def count_macs(model: Any) -> int:  # noqa: ANN401 - Keras has no types
    """Multiply-accumulates of a whole network for one frame."""
    return sum(layer_macs(layer) for layer in model.layers)
