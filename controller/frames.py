"""Frames, and the one function that fits a camera's picture to a model's input."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""A picture: ``(height, width, 3) uint8`` RGB."""

REFERENCE_SHAPE = (45, 80)
"""Height and width of the reference data set's frames (github.com/paulaksm/transfer-learning)."""

CLASS_NAMES = ("forward", "left", "right")
"""The classes in the order of the data set's labels and of a model's outputs (contract 2)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a camera.

    Attributes:
        pixels: ``(height, width, 3) uint8`` RGB, C-contiguous, read-only by convention.
        sequence: Counts the camera's pictures from 0; a gap means pictures that were not taken.
        capture_ns: Monotonic time at which the picture was exposed, ns, on the runtime's clock.
        stamp: What the camera itself says which picture this is, a count or a time of any clock
            that rises from picture to picture; None where it says nothing.
    """

    pixels: Pixels
    sequence: int
    capture_ns: int
    stamp: int | None = None


@functools.lru_cache(maxsize=8)
def crop_box(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part of a picture that has the target's aspect.

    What is cut off comes from the sides in equal parts, or from the top: the floor, and with it
    the lane, is at the bottom.

    Args:
        source: Height and width of the picture, in pixels.
        target: Height and width wanted, in pixels.

    Returns:
        ``(top, left, height, width)`` of that part, in pixels.
    """
    height, width = source
    target_height, target_width = target
    if width * target_height > height * target_width:
        crop_width = max(1, (height * target_width + target_height // 2) // target_height)
        return 0, (width - crop_width) // 2, height, crop_width
    crop_height = max(1, (width * target_height + target_width // 2) // target_width)
    return height - crop_height, 0, crop_height, width


def fit(pixels: Pixels, height: int, width: int, out: Pixels | None = None) -> Pixels:
    """Fit a picture to a model's input: crop to its aspect, then scale.

    Data import, simulator and car all call this one, so that training and driving cannot differ.
    Scaling down averages areas (no aliasing); scaling up is linear. A picture that has the right
    size already is passed on unchanged.

    Args:
        pixels: ``(h, w, 3) uint8``, any size of at least 1x1.
        height: Height wanted, in pixels.
        width: Width wanted, in pixels.
        out: Where to write, ``(height, width, 3) uint8`` C-contiguous; a new array if None.

    Returns:
        ``out``, or without one a new array, or ``pixels`` itself where nothing was to be done.

    Raises:
        ValueError: If ``pixels`` is not ``(h, w, 3) uint8``.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ValueError(f"a picture is (h, w, 3) uint8, not {pixels.shape} {pixels.dtype}")
    if pixels.shape[0] == height and pixels.shape[1] == width:
        if out is None:
            return pixels
        out[...] = pixels
        return out
    top, left, h, w = crop_box((pixels.shape[0], pixels.shape[1]), (height, width))
    part = pixels[top : top + h, left : left + w]
    shrinks = h >= height and w >= width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if out is None:
        out = np.empty((height, width, 3), np.uint8)
    cv2.resize(part, (width, height), dst=out, interpolation=interpolation)
    return out
