"""Networks to compare with, built here with random weights: only their speed means something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from controller.model.cards import write_card
from export.convert.tflite import convert
from training.backend import load_keras
from training.networks.macs import count_macs

DONKEY_SHAPE = (120, 160)
PEAK_SHAPE = (56, 56)


def donkey_sized() -> Any:  # noqa: ANN401 - Keras has no types
    """A network of the size of Donkeycar's default pilot, with our three probabilities.

    Five convolutions and two dense layers on 160x120 frames, as published
    (github.com/autorope/donkeycar, ``parts/keras.py``).
    """
    keras = load_keras()
    layers = keras.layers
    frame = keras.Input((*DONKEY_SHAPE, 3), name="frame")
    x = layers.Rescaling(1 / 255, name="scale")(frame)
    for width, kernel, stride in ((24, 5, 2), (32, 5, 2), (64, 5, 2), (64, 3, 1), (64, 3, 1)):
        x = layers.Conv2D(width, kernel, strides=stride, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(100, activation="relu")(x)
    x = layers.Dense(50, activation="relu")(x)
    return keras.Model(frame, layers.Dense(3, activation="softmax")(x))


def peak_sized() -> Any:  # noqa: ANN401
    """Pointwise convolutions so wide that nothing but multiplying takes time: the int8 peak."""
    keras = load_keras()
    layers = keras.layers
    frame = keras.Input((*PEAK_SHAPE, 3), name="frame")
    x = layers.Conv2D(512, 1, activation="relu")(frame)
    for _ in range(4):
        x = layers.Conv2D(512, 1, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(frame, layers.Dense(3, activation="softmax")(x))


def write_references(folder: Path) -> tuple[Path, Path]:
    """Make the two: the Donkeycar-sized network, and the one that shows the int8 peak."""
    return (
        write_reference(donkey_sized(), "donkeycar-sized-int8", folder),
        write_reference(peak_sized(), "peak", folder),
    )


def write_reference(model: Any, name: str, folder: Path) -> Path:  # noqa: ANN401
    """Convert a reference network to int8 and write it with a card that says what it is."""
    shape = tuple(model.input_shape[1:3])
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, *shape, 3)).astype(np.uint8)
    frames[0, 0, 0], frames[0, 0, 1] = 0, 255
    path = folder / f"{name}.tflite"
    path.write_bytes(convert(model, "int8", frames, folder / "converter.log"))
    facts = {
        "quantisation": "int8",
        "macs": count_macs(model),
        "parameters": int(model.count_params()),
        "training": {"initial_weights": {"from": "random", "licence": "none needed"}},
        "note": "random weights: a reference for speed alone",
    }
    write_card(path, name, shape, facts)
    return path
