"""Whether the camera sees: black, saturated, featureless and noisy pictures."""

from __future__ import annotations

import enum

import cv2

from controller.frames import Pixels

BLACK_MEAN = 8.0
"""Mean brightness (0 to 255) under which a picture is black: a covered lens, lights out."""
SATURATED_MEAN = 250.0
"""Mean brightness over which a picture is white: a lamp into the lens, exposure gone wrong."""
FEATURELESS_DEVIATION = 3.0
"""Standard deviation under which nothing can be told apart: a wall, fog, a lens out of focus.
Sensor noise after scaling is 1 to 2; the dullest frame of the reference data set has 17."""

NOISE_SHARE = 0.6
"""Mean square difference of neighbours in a row, as a share of what it is between pixels that have
nothing to do with each other (twice the variance), from which a picture is noise: a sensor without
light at full gain, a broken line. White noise has 1.0; no frame of the reference tubs has more
than 0.24."""


class ImageQuality(enum.Enum):
    """What a picture is good for."""

    CLEAR = "clear"
    BLACK = "camera sees black"
    SATURATED = "camera sees white"
    FEATURELESS = "camera sees nothing to tell apart"
    NOISE = "camera sees noise"


def judge(pixels: Pixels) -> ImageQuality:
    """Whether something can be seen in a picture.

    Args:
        pixels: ``(h, w, 3) uint8``.
    """
    rows = pixels.reshape(pixels.shape[0], -1)
    means, deviations = cv2.meanStdDev(rows)
    brightness, deviation = float(means[0, 0]), float(deviations[0, 0])
    if brightness < BLACK_MEAN:
        return ImageQuality.BLACK
    if brightness > SATURATED_MEAN:
        return ImageQuality.SATURATED
    if deviation < FEATURELESS_DEVIATION:
        return ImageQuality.FEATURELESS
    channels = pixels.shape[2]
    neighbours = cv2.norm(rows[:, channels:], rows[:, :-channels], cv2.NORM_L2SQR)
    if neighbours > NOISE_SHARE * 2 * deviation * deviation * rows.size:
        return ImageQuality.NOISE
    return ImageQuality.CLEAR
