"""What a network looks at: a frame's feature maps by block, and class-activation maps over frames.

A class-activation map is the head's weights of a class applied at every place instead of to the
mean over places: Zhou et al. 2015, "Learning Deep Features for Discriminative Localization"
(arXiv:1512.04150). Summed over places it is the logit itself, so nothing is estimated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from controller.errors import DataError
from controller.frames import CLASS_NAMES, Pixels
from training.backend import load_keras
from training.errors import SpecError
from training.networks.networks import HEAD
from training.report.pictures import write_picture

Maps = npt.NDArray[np.float32]

_TILE_ROW = 1280
"""Width of a picture of feature maps, pixels."""
_LARGEST_TILE = 160
_STRIP = 22
_CELL = 240
_COLUMNS = 4
_LINE = (110, 110, 110)
_WHITE = (255, 255, 255)


def shown_layers(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The layers whose maps are drawn: a block's last one, or the last of every map size.

    Raises:
        SpecError: If the network has no maps.
    """
    blocks = [x for x in model.layers if x.name == "conv1_relu" or _is_block_end(x.name)]
    if blocks:
        return blocks
    last = {x.output.shape[1:3]: x for x in model.layers if len(x.output.shape) == 4}
    layers = [x for x in last.values() if x.output.shape[-1] > 3]
    if not layers:
        raise SpecError("this network has no maps to draw: its layers have no places")
    return layers


def _is_block_end(name: str) -> bool:
    return name.startswith("conv_pw_") and name.endswith("_relu")


def feature_maps(model: Any, frame: Pixels) -> dict[str, Maps]:  # noqa: ANN401
    """What every block makes of a frame.

    Args:
        model: The network.
        frame: ``(H, W, 3) uint8`` RGB.

    Returns:
        By layer: ``(h, w, channels) float32``.
    """
    keras = load_keras()
    layers = shown_layers(model)
    values = keras.Model(model.input, [x.output for x in layers])(frame[None].astype(np.float32))
    values = values if isinstance(values, list) else [values]
    return {x.name: np.asarray(value)[0] for x, value in zip(layers, values, strict=True)}


def tile_maps(maps: Maps, title: str) -> Pixels:
    """All channels of a layer beside each other, dark 0 to bright the layer's 99.9th percentile.

    Args:
        maps: ``(h, w, channels)``.
        title: What is written above.

    Returns:
        A picture, ``(H, W, 3) uint8`` RGB.
    """
    height, width, channels = maps.shape
    columns = int(np.ceil(np.sqrt(channels * height / width * 1.6)))
    scale = max(1, min(_TILE_ROW // columns - 1, _LARGEST_TILE) // width)
    low, high = min(0.0, float(maps.min())), float(np.percentile(maps, 99.9))
    level = np.clip((maps - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    rows = -(-channels // columns)
    cell_height, cell_width = height * scale + 1, width * scale + 1
    sheet = np.zeros((rows * cell_height, max(columns * cell_width, 420)), np.uint8)
    for channel in range(channels):
        y, x = channel // columns * cell_height, channel % columns * cell_width
        sheet[y : y + height * scale, x : x + width * scale] = cv2.resize(
            np.ascontiguousarray(level[:, :, channel]), None, fx=scale, fy=scale,
            interpolation=cv2.INTER_NEAREST,
        )  # fmt: skip
    coloured = cv2.cvtColor(cv2.applyColorMap(sheet, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    coloured[cell_height - 1 :: cell_height] = coloured[:, cell_width - 1 :: cell_width] = _LINE
    most = f"{title}: {channels} maps of {height}x{width}, brightest {high:.2f}"
    return np.concatenate([_strip(most, coloured.shape[1]), coloured])


def activation_maps(model: Any, frames: Pixels) -> tuple[Maps, npt.NDArray[np.float32]]:  # noqa: ANN401
    """Class-activation maps of frames.

    Args:
        model: A network that averages its last maps over places.
        frames: ``(N, H, W, 3) uint8`` RGB.

    Returns:
        ``(N, h, w, 3)`` what each place adds to each class' logit, against the classes' mean; and
        ``(N, 3)`` probabilities.

    Raises:
        SpecError: If the network does not average over places.
    """
    keras = load_keras()
    pools = [x for x in model.layers if isinstance(x, keras.layers.GlobalAveragePooling2D)]
    if len(pools) != 1:
        raise SpecError(
            "class-activation maps need a network that averages its maps over places; "
            "this one does not"
        )
    inner = keras.Model(model.input, [pools[0].input, model.output])
    maps, probabilities = inner.predict(frames.astype(np.float32), verbose=0)
    kernel = np.asarray(model.get_layer(HEAD).kernel)
    kernel = kernel - kernel.mean(axis=1, keepdims=True)
    return maps @ kernel / (maps.shape[1] * maps.shape[2]), probabilities


def draw_activation_sheet(
    frames: Pixels,
    labels: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    maps: Maps,
    probabilities: npt.NDArray[np.float32],
) -> Pixels:
    """Frames, each above itself with the map of the class that was answered.

    Red speaks for the answer, blue against it; all frames share one scale.

    Args:
        frames: ``(N, H, W, 3) uint8`` RGB.
        labels: ``(N,)`` 0 to 2.
        rows: ``(N,)`` numbers to write beside them.
        maps: ``(N, h, w, 3)`` from `activation_maps`.
        probabilities: ``(N, 3)``.

    Raises:
        DataError: If there is no frame.
    """
    if not len(frames):
        raise DataError("no frame to draw")
    answers = probabilities.argmax(axis=1)
    chosen = maps[np.arange(len(maps)), :, :, answers]
    scale = max(float(np.percentile(np.abs(chosen), 99)), 1e-9)
    size = (_CELL, max(1, _CELL * frames.shape[1] // frames.shape[2]))
    cells = []
    for place, frame in enumerate(frames):
        picture = cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST)
        heat = cv2.resize(chosen[place] / scale, size, interpolation=cv2.INTER_CUBIC)
        answer, label = int(answers[place]), int(labels[place])
        text = f"{rows[place]}: {CLASS_NAMES[answer]} {probabilities[place, answer]:.2f}"
        text += "" if answer == label else f", label {CLASS_NAMES[label]}"
        cells.append(np.concatenate([_strip(text, _CELL), picture, _overlay(picture, heat)]))
    blank = np.zeros_like(cells[0])
    columns = min(_COLUMNS, len(cells))
    cells += [blank] * (-len(cells) % columns)
    lines = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(lines)


def _overlay(picture: Pixels, heat: Maps) -> Pixels:
    """A picture in grey with red where heat is positive and blue where it is negative."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None].repeat(3, axis=2) * 0.6
    strength = np.clip(np.abs(heat), 0, 1)[:, :, None] * 0.75
    colour = np.where(heat[:, :, None] > 0, (255.0, 40.0, 20.0), (40.0, 90.0, 255.0))
    return np.clip(grey * (1 - strength) + colour * strength, 0, 255).astype(np.uint8)


def _strip(text: str, width: int) -> Pixels:
    strip = np.full((_STRIP, width, 3), 24, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(strip, text, (4, _STRIP - 7), font, 0.42, _WHITE, 1, cv2.LINE_AA)


def write_maps(model: Any, frame: Pixels, title: str, out: Path) -> list[Path]:  # noqa: ANN401
    """Write a PNG of every block's maps.

    Raises:
        OSError: If the folder cannot be written.
    """
    paths = []
    for number, (name, maps) in enumerate(feature_maps(model, frame).items()):
        path = out / f"maps-{number:02}-{name}.png"
        write_picture(path, tile_maps(maps, f"{title}, {name}"))
        paths.append(path)
    return paths
