"""What a camera makes of a view: rolling shutter, motion blur, JPEG, exposure, colours, noise."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from controller.frames import Pixels, fit
from simulator.exact import blend
from simulator.room.appearance import SensorLook

_LEVEL_LAG = 0.25
"""Share of the way to the level wanted that automatic exposure goes with each picture."""

_WHITE_LAG = 0.05
"""The same of automatic white balance, which is slower."""

_NOISE_BANK = 1 << 18


class Sensor:
    """Turns views into pictures. Keeps the state of automatic exposure and of the noise."""

    def __init__(self, look: SensorLook, height: int, width: int, seed: int) -> None:
        """Prepare the tables.

        Args:
            look: The camera's habits.
            height: Of the pictures, in pixels.
            width: Of the pictures, in pixels.
            seed: Of the noise.
        """
        self._look = look
        self._height, self._width = height, width
        self._rng = np.random.default_rng([seed, 7])
        size = height * width * 3
        bank = self._rng.standard_normal(size + _NOISE_BANK, np.float32)
        self._bank = bank * np.float32(look.noise) + np.float32(0.5)  # the half rounds
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        shade = 1.0 - look.vignette * (rows**2 * 0.35 + columns**2 * 0.65)
        gains = shade[..., None] * np.array(look.white_balance)
        self._gains: npt.NDArray[np.float32] = gains.astype(np.float32)
        self._level = 0.0
        self._white: npt.NDArray[np.float32] | None = None

    def _balance(self, view: Pixels) -> npt.NDArray[np.float32]:
        """Gains of automatic white balance: the mean of what is seen is taken for grey."""
        means = np.maximum(1.0, cv2.mean(view)[:3])
        wanted = ((means[1] / means) ** self._look.auto_white).astype(np.float32)
        if self._white is None:
            self._white = wanted
        self._white = self._white + np.float32(_WHITE_LAG) * (wanted - self._white)
        return self._white

    def _gain(self, view: Pixels) -> float:
        look = self._look
        if look.auto_level <= 0:
            return look.exposure
        level = max(1.0, float(cv2.mean(view)[1]) * look.exposure)
        wanted = min(2.2, max(0.45, look.auto_level / level))
        if self._level == 0.0:
            self._level = wanted
        self._level += _LEVEL_LAG * (wanted - self._level)
        return look.exposure * self._level

    def _smear(self, view: Pixels, turn_px_per_s: float) -> Pixels:
        """Motion blur: turning moves the whole picture sideways while the shutter is open."""
        length = round(abs(turn_px_per_s) * self._look.shutter_ms / 1000)
        if length < 2:
            return view
        return np.asarray(cv2.blur(view, (length, 1)), np.uint8)

    def _roll(self, view: Pixels, turn_px_per_s: float) -> Pixels:
        """Rolling shutter: lower rows are read later, when the picture has moved on."""
        height, width = view.shape[:2]
        slant = turn_px_per_s * self._look.readout_ms / 1000 / height
        if abs(slant) * height < 0.5:
            return view
        matrix = np.array([[1.0, slant, -slant * height / 2], [0.0, 1.0, 0.0]], np.float32)
        rolled = cv2.warpAffine(view, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(rolled, np.uint8)

    def _compress(self, view: Pixels) -> Pixels:
        if self._look.jpeg_quality <= 0:
            return view
        _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, self._look.jpeg_quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def _scale_down(self, view: Pixels) -> Pixels:
        small = fit(view, self._height, self._width)
        if self._look.aliasing <= 0 or view.shape[0] < 2 * self._height:
            return small
        step = view.shape[0] // self._height
        stairs = view[step // 2 :: step, step // 2 :: step]
        share = self._look.aliasing
        return blend(small, 1.0 - share, stairs, share)

    def expose(self, view: Pixels, turn_px_per_s: float = 0.0) -> Pixels:
        """Take a picture.

        Args:
            view: What the lens sees, ``(h, w, 3) uint8`` of any size of the picture's aspect.
            turn_px_per_s: How fast that moves to the right, in pixels of the view per second.

        Returns:
            ``(height, width, 3) uint8`` RGB, new at every call.
        """
        look = self._look
        moved = self._smear(self._roll(view, turn_px_per_s), turn_px_per_s)
        small = self._scale_down(self._compress(moved))
        if look.blur_px > 0.2:
            small = np.asarray(cv2.GaussianBlur(small, (0, 0), look.blur_px), np.uint8)
        if look.sharpening > 0:
            soft = cv2.GaussianBlur(small, (3, 3), 0)
            small = blend(small, 1 + look.sharpening, np.asarray(soft, np.uint8), -look.sharpening)
        value = small * self._gains
        value *= np.float32(self._gain(small))
        if look.auto_white > 0:
            value *= self._balance(small)
        if not math.isclose(look.contrast, 1.0):
            value -= np.float32(110.0)
            value *= np.float32(look.contrast)
            value += np.float32(110.0)
        if look.haze > 0:
            value *= np.float32(1.0 - look.haze)
            value += np.float32(255.0 * look.haze)
        start = int(self._rng.integers(_NOISE_BANK))
        value += self._bank[start : start + value.size].reshape(value.shape)
        np.clip(value, 0.0, 255.0, out=value)
        return value.astype(np.uint8)
