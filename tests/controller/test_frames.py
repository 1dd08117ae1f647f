from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.frames import crop_box, fit


def test_picture_of_the_right_size_is_passed_on():
    pixels = np.arange(45 * 80 * 3, dtype=np.uint8).reshape(45, 80, 3)
    assert fit(pixels, 45, 80) is pixels
    out = np.empty_like(pixels)
    assert fit(pixels, 45, 80, out) is out
    np.testing.assert_array_equal(out, pixels)


def test_a_4_to_3_picture_loses_its_top():
    assert crop_box((120, 160), (45, 80)) == (30, 0, 90, 160)
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[:30] = 255  # the ceiling
    assert fit(pixels, 45, 80).max() == 0


def test_a_wide_picture_loses_both_sides():
    assert crop_box((45, 100), (45, 80)) == (0, 10, 45, 80)


def test_scaling_down_averages_areas():
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[::2, ::2] = 100  # one of every four pixels
    assert set(np.unique(fit(pixels, 45, 80))) == {25}


@pytest.mark.parametrize("shape", [(45, 80), (45, 80, 4), (0, 80, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match="picture"):
        fit(np.zeros(shape, np.uint8), 45, 80)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 224), st.integers(1, 224))
def test_any_picture_fits_any_model(height, width, to_height, to_width):
    top, left, h, w = crop_box((height, width), (to_height, to_width))
    assert 0 <= top <= top + h <= height
    assert 0 <= left <= left + w <= width
    assert min(h, w) >= 1
    pixels = np.full((height, width, 3), 77, np.uint8)
    fitted = fit(pixels, to_height, to_width)
    assert fitted.shape == (to_height, to_width, 3)
    assert set(np.unique(fitted)) == {77}
