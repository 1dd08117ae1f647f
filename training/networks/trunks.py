"""What stands between frames and head: MobileNet v1, or a network to compare it with.

The DFN is the fully connected network of the seed study: one hidden layer of 276 units on the
flattened frame (github.com/paulaksm/feature-transfer, ``transfer/train-dfn.py``; the first car's
trainer, github.com/felipessalvatore/self_driving_pi_car, leaves the sizes open). The others are
those of the transfer-learning lesson, as Keras has them: Simonyan & Zisserman 2014 (VGG16,
arXiv:1409.1556), Szegedy et al. 2015 (InceptionV3, arXiv:1512.00567), He et al. 2015 (ResNet50,
arXiv:1512.03385), Chollet 2016 (Xception, arXiv:1610.02357).
"""

from __future__ import annotations

from typing import Any

from controller.errors import ModelError
from training.backend import load_keras

MOBILENET, DFN = "MobileNet", "DFN"
DFN_HIDDEN = 276
SMALLEST_SIDE = {
    MOBILENET: 32,
    DFN: 1,
    "VGG16": 32,
    "InceptionV3": 75,
    "ResNet50": 32,
    "Xception": 71,
}
"""Trunks by name, with the shortest side of a frame that Keras' version of each accepts, pixels."""
EXTRACTORS = tuple(name for name in SMALLEST_SIDE if name not in (MOBILENET, DFN))

_CAFFE = ("VGG16", "ResNet50")
_CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet, which these networks' published weights expect taken off
(``keras.applications.imagenet_utils``, mode ``caffe``)."""


def scale_frames(frames: Any, family: str) -> Any:  # noqa: ANN401 - Keras has no types
    """Frame values 0 to 255 as a trunk's published weights expect them."""
    keras = load_keras()
    if family == DFN:
        return keras.layers.Rescaling(1 / 255, name="scale")(frames)
    if family in _CAFFE:
        blue_first = keras.ops.flip(frames, axis=-1)
        offset = [-value for value in _CAFFE_MEAN]
        return keras.layers.Rescaling(1.0, offset=offset, name="scale")(blue_first)
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(frames)


def features_of(x: Any, family: str, alpha: float, weights: str) -> Any:  # noqa: ANN401
    """The features of a comparison trunk.

    Args:
        x: Scaled frames, ``(N, H, W, 3)``.
        family: ``DFN`` or one of `EXTRACTORS`.
        alpha: Width multiplier of the DFN's hidden layer.
        weights: For an extractor: ``random``, ``imagenet`` (Keras' download), or a ``.h5`` file.

    Returns:
        ``(N, features)``.

    Raises:
        ModelError: If the weights cannot be had.
    """
    keras = load_keras()
    layers = keras.layers
    if family == DFN:
        units = max(1, round(DFN_HIDDEN * alpha))
        return layers.Dense(units, activation="relu", name="hidden")(layers.Flatten()(x))
    build = getattr(keras.applications, family)
    try:
        trunk = build(
            input_tensor=x, include_top=False, weights=None if weights == "random" else weights
        )
    except Exception as error:  # Keras raises whatever h5py and urllib do
        raise ModelError(
            f"ImageNet weights of {family} cannot be had from {weights}: {first_line(error)}; "
            "name a file with --weights, or use --weights random"
        ) from error
    return layers.GlobalAveragePooling2D(name="pool")(trunk.output)


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).strip().splitlines()[0] if str(error).strip() else "unknown reason"
