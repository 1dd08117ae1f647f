"""Augmentation of a batch with OpenCV: bytes in, bytes out, every number drawn from a generator.

OpenCV's byte operators cost some 100 microseconds a frame on one core, a fifth of the same
arithmetic on float tensors: on a machine without a GPU that is what training speed is lost to.
"""

from __future__ import annotations

import itertools
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from controller.frames import Pixels
from training.pipeline.recipes import Augmentation

MIRRORED_CLASS = np.array([0, 2, 1], np.uint8)
"""The class of the mirror image: left and right change places."""

_DRAWS = 16
"""Uniform numbers drawn for a frame at once: one call for a batch instead of many for a frame."""
_NOISE_VALUES = 1 << 21
_NOISE_UNIT = 32.0
_VALUES = np.arange(256, dtype=np.float32)[:, None]


class _Draws:
    """A frame's uniform numbers, handed out one after the other."""

    __slots__ = ("_next",)

    def __init__(self, numbers: npt.NDArray[np.float64]) -> None:
        self._next = itertools.cycle(numbers.tolist()).__next__

    def between(self, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        return low + (high - low) * self._next()

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int((high - low + 1) * self._next())

    def chance(self, share: float) -> bool:
        """True in a share of the cases."""
        return self._next() < share


def augment(
    frames: Pixels, labels: npt.NDArray[np.uint8], rng: np.random.Generator, how: Augmentation
) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Change a batch of pictures as cameras, lamps and floors do.

    Args:
        frames: ``(N, H, W, 3) uint8`` RGB; not changed.
        labels: ``(N,) uint8``; not changed.
        rng: Where every number comes from; the same state makes the same changes.
        how: What to do.

    Returns:
        New pictures and labels of the same shapes and types.
    """
    out = np.empty_like(frames)
    mirrored = rng.random(len(frames)) < (0.5 if how.mirror else 0.0)
    for index, numbers in enumerate(rng.random((len(frames), _DRAWS))):
        draws = _Draws(numbers)
        picture = frames[index]
        if how.shift or how.side_shift:
            picture = _shift(picture, draws, how)
        if mirrored[index]:
            picture = cv2.flip(picture, 1)
        if how.light or how.contrast or how.shadow:
            picture = _light(picture, draws, how)
        if how.blur:
            amount = draws.between(0.0, how.blur)
            picture = cv2.addWeighted(picture, 1.0 - amount, cv2.blur(picture, (3, 3)), amount, 0)
        if how.noise:
            picture = _noise(picture, draws, how.noise)
        out[index] = picture
    return out, np.where(mirrored, MIRRORED_CLASS[labels], labels).astype(np.uint8)


def _shift(frame: Pixels, draws: _Draws, how: Augmentation) -> Pixels:
    """Move the picture by whole pixels and repeat its edge."""
    height, width = frame.shape[:2]
    down, right = round(height * how.shift), round(width * how.side_shift)
    dy, dx = draws.whole(-down, down), draws.whole(-right, right)
    wide = cv2.copyMakeBorder(
        frame, max(0, dy), max(0, -dy), max(0, dx), max(0, -dx), cv2.BORDER_REPLICATE
    )
    top, left = max(0, -dy), max(0, -dx)
    return wide[top : top + height, left : left + width]


def _light(frame: Pixels, draws: _Draws, how: Augmentation) -> Pixels:
    """Brightness, colour and contrast in one table look-up; a second, darker one for a shadow."""
    gain = 1.0 + draws.between(-how.light, how.light)
    colour = [gain * (1.0 + draws.between(-how.light / 3, how.light / 3)) for _ in range(3)]
    contrast = 1.0 + draws.between(-how.contrast, how.contrast)
    middle = sum(cv2.mean(frame)[:3]) / 3
    curve = (middle + (_VALUES - middle) * contrast) * np.array(colour, np.float32)
    lit = cv2.LUT(frame, _table(curve))
    if draws.chance(how.shadow):
        dark = cv2.LUT(frame, _table(curve * draws.between(0.4, 0.9)))
        return cv2.copyTo(dark, _half_plane(frame.shape[:2], draws), lit)
    return lit


def _table(curve: npt.NDArray[np.floating]) -> Pixels:
    """A curve per channel, ``(256, 3)``, as OpenCV's table of bytes: rounded and cut to 0..255."""
    return cv2.convertScaleAbs(np.maximum(curve, 0.0)).reshape(1, 256, 3)


def _half_plane(shape: tuple[int, int], draws: _Draws) -> npt.NDArray[np.uint8]:
    """255 on one side of a straight line through the middle part of the picture, else 0."""
    angle, offset = draws.between(0.0, 2 * np.pi), draws.between(-0.3, 0.3)
    y = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :]
    return (np.cos(angle) * x + np.sin(angle) * y > offset).astype(np.uint8) * np.uint8(255)


@cache
def _noise_bank(pixels: int) -> npt.NDArray[np.int16]:
    """Normal noise of standard deviation `_NOISE_UNIT`, long enough for a frame of so many values.

    Drawing a normal number for every pixel costs more than everything else together; a random
    place in a long table does as well.
    """
    count = max(_NOISE_VALUES, 8 * pixels)
    values = np.random.default_rng(1812).standard_normal(count, np.float32)
    return np.rint(values * _NOISE_UNIT).astype(np.int16)


def _noise(frame: Pixels, draws: _Draws, most: float) -> Pixels:
    bank, sigma = _noise_bank(frame.size), draws.between(0.0, most)
    start = draws.whole(0, len(bank) - frame.size)
    noise = bank[start : start + frame.size].reshape(frame.shape)
    wide = frame.astype(np.int16)
    return cv2.addWeighted(wide, 1.0, noise, sigma / _NOISE_UNIT, 0.0, dtype=cv2.CV_8U)
