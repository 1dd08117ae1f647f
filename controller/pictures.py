"""Coded pictures (JPEG, PNG) to and from RGB arrays."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from controller.frames import Pixels

MOST_PIXELS = 4096 * 4096
"""Of a picture that is decoded: no camera is asked for more. A few kB of PNG can be 3 GiB."""
MOST_CODED_BYTES = 8 << 20
"""Of a coded picture: a JPEG of 12 million pixels is half of it."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_NO_SIZE = frozenset((0xC4, 0xC8, 0xCC))
"""JPEG markers between SOF0 and SOF15 that are tables, not frames."""
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""JPEG markers without a segment."""
_DATA_BEGINS = frozenset((0xD9, 0xDA))


def picture_size(coded: bytes) -> tuple[int, int] | None:
    """Height and width that a PNG's or a JPEG's header tells; None for anything else.

    Nothing is decoded: PNG (ISO/IEC 15948) has them in its first chunk, JPEG (ITU-T T.81, B.2) in
    its frame header, which other segments come before.
    """
    if coded.startswith(_PNG):
        if len(coded) < 24 or coded[12:16] != b"IHDR":
            return None
        width, height = struct.unpack_from(">II", coded, 16)
        return height, width
    return _jpeg_size(coded) if coded.startswith(_JPEG) else None


def _jpeg_size(coded: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        at = coded.find(b"\xff", at)  # decoders skip what stands between segments
        while at >= 0 and coded[at + 1 : at + 2] == b"\xff":
            at += 1
        if at < 0 or at + 9 > len(coded):
            return None
        marker, at = coded[at + 1], at + 2
        if marker == 0 or marker in _ALONE:
            continue
        if marker in _DATA_BEGINS:
            return None
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack_from(">HH", coded, at + 3)
            return height, width
        at += int.from_bytes(coded[at : at + 2], "big")


def decode_picture(coded: bytes | np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Pixels | None:
    """A PNG or JPEG as ``(h, w, 3) uint8`` RGB; None if it is empty, broken, too large or neither.

    Too large is what its header says to be of more than `MOST_PIXELS`: it is not decoded.
    """
    array = np.frombuffer(coded, np.uint8)
    if not 0 < array.size <= MOST_CODED_BYTES:
        return None
    size = picture_size(array.tobytes())
    if size is None or size[0] * size[1] > MOST_PIXELS:
        return None
    try:
        # IMREAD_COLOR_RGB would save the turn, but OpenCV has it only from 4.11 on.
        picture = cv2.imdecode(array, cv2.IMREAD_COLOR)
    except cv2.error:
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
