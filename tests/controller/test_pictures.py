from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.pictures import MOST_PIXELS, decode_picture, encode_png, picture_size

SIDES = st.integers(1, 300)


def _coded(height, width, suffix, *options):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


@settings(max_examples=40, deadline=None)
@given(height=SIDES, width=SIDES, progressive=st.booleans())
def test_the_header_tells_the_size_that_decoding_finds(height, width, progressive):
    jpeg = _coded(height, width, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive))
    for coded in (jpeg, _coded(height, width, ".png")):
        assert picture_size(coded) == (height, width)
        picture = decode_picture(coded)
        assert picture is not None
        assert picture.shape == (height, width, 3)


@settings(max_examples=200, deadline=None)
@given(
    cut=st.integers(0, 2000), flips=st.lists(st.tuples(st.integers(0, 1999), st.integers(0, 255)))
)
def test_a_damaged_header_is_a_size_or_none(cut, flips):
    coded = bytearray(_coded(40, 60, ".jpg"))
    for at, value in flips:
        coded[at % len(coded)] = value
    size = picture_size(bytes(coded[:cut]))
    picture = decode_picture(bytes(coded))
    assert size is None or len(size) == 2
    if picture is not None:  # whatever decodes is no larger than its header said
        told = picture_size(bytes(coded))
        assert told is not None
        assert picture.shape[0] * picture.shape[1] == told[0] * told[1]


def test_segments_before_the_frame_header_are_skipped_whatever_they_hold():
    jpeg = _coded(40, 60, ".jpg")
    thumbnail = b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(20)
    segment = b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    assert picture_size(jpeg[:2] + segment + b"\xff\xff\xff" + jpeg[3:]) == (40, 60)


@pytest.mark.parametrize("coded", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(100)])
def test_what_is_neither_is_none(coded):
    assert picture_size(coded) is None
    assert decode_picture(coded) is None


def test_a_bitmap_is_not_decoded():
    assert decode_picture(_coded(40, 60, ".bmp")) is None


def test_the_largest_picture_that_a_camera_may_be_asked_for_is_decoded():
    pixels = np.zeros((4096, 4096, 3), np.uint8)
    assert pixels.shape[0] * pixels.shape[1] == MOST_PIXELS
    picture = decode_picture(encode_png(pixels))
    assert picture is not None
