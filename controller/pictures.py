"""Coded pictures (JPEG, PNG) to and from RGB arrays."""

from __future__ import annotations

import cv2
import numpy as np

from controller.frames import Pixels


def decode_picture(coded: bytes | np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Pixels | None:
    """A coded picture as ``(h, w, 3) uint8`` RGB; None if it is empty or broken."""
    array = np.frombuffer(coded, np.uint8)
    try:
        # IMREAD_COLOR_RGB would save the turn, but OpenCV has it only from 4.11 on.
        picture = cv2.imdecode(array, cv2.IMREAD_COLOR) if array.size else None
    except cv2.error:  # a header that says to be of an enormous size
        return None
    if picture is None:
        return None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def encode_png(pixels: Pixels) -> bytes:
    """A picture as PNG: lossless, so that a replay sees what the model saw.

    Args:
        pixels: ``(h, w, 3) uint8`` RGB.
    """
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".png", bgr, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return coded.tobytes()
