from __future__ import annotations

import numpy as np
import pytest

from controller.drive.image_quality import ImageQuality, judge


@pytest.mark.parametrize(
    ("floor", "stripe", "sees"),
    [
        (0, 70, ImageQuality.BLACK),  # mean 7: a covered lens with a lamp in its corner
        (0, 80, ImageQuality.CLEAR),
        (255, 215, ImageQuality.SATURATED),  # mean 251
        (255, 205, ImageQuality.CLEAR),
        (128, 137, ImageQuality.FEATURELESS),  # deviation 2.7
        (128, 139, ImageQuality.CLEAR),
        (0, 0, ImageQuality.BLACK),
        (255, 255, ImageQuality.SATURATED),
    ],
)
def test_a_floor_with_a_stripe_is_judged_by_its_mean_and_by_what_stands_out(floor, stripe, sees):
    pixels = np.full((45, 80, 3), floor, np.uint8)
    pixels[:, 30:38] = stripe  # a tenth of it
    assert judge(pixels) is sees


def test_noise_is_no_sight_and_a_scene_under_noise_is_one():
    noise = np.random.default_rng(2).integers(0, 256, (45, 80, 3))
    assert judge(noise.astype(np.uint8)) is ImageQuality.NOISE
    scene = np.where(np.arange(80) < 40, 40, 180)[None, :, None]
    assert judge((scene + noise // 8).astype(np.uint8)) is ImageQuality.CLEAR
