"""Multiply-accumulates of a network, counted layer by layer."""

from __future__ import annotations

import math
from typing import Any

_WEIGHTS = {
    "Conv2D": ("kernel",),
    "DepthwiseConv2D": ("kernel",),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel"),
    "Dense": ("kernel",),
}
"""What a layer multiplies by: all of it once for each place of its output."""


def layer_macs(layer: Any) -> int:  # noqa: ANN401 - Keras has no types
    """Multiply-accumulates of one layer for one frame; 0 where it multiplies by no weights.

    Batch-norm is folded into the convolution before it by the converter, and counts nothing.
    """
    kind = type(layer).__name__
    if kind not in _WEIGHTS:
        return 0
    kernel = sum(math.prod(getattr(layer, name).shape) for name in _WEIGHTS[kind])
    if kind == "Dense":
        return kernel
    _, height, width, _ = layer.output.shape
    return kernel * height * width


def count_macs(model: Any) -> int:  # noqa: ANN401 - Keras has no types
    """Multiply-accumulates of a whole network for one frame."""
    return sum(layer_macs(layer) for layer in model.layers)
