from __future__ import annotations

import numpy as np
import pytest

from controller.drive.image_quality import Sight, judge


@pytest.mark.parametrize(
    ("floor", "stripe", "sees"),
    [
        (0, 70, Sight.BLACK),  # mean 7: a covered lens with a lamp in its corner
        (0, 80, Sight.CLEAR),
        (255, 215, Sight.SATURATED),  # mean 251
        (255, 205, Sight.CLEAR),
        (128, 137, Sight.FEATURELESS),  # deviation 2.7
        (128, 139, Sight.CLEAR),
        (0, 0, Sight.BLACK),
        (255, 255, Sight.SATURATED),
    ],
)
def test_a_floor_with_a_stripe_is_judged_by_its_mean_and_by_what_stands_out(floor, stripe, sees):
    pixels = np.full((45, 80, 3), floor, np.uint8)
    pixels[:, 30:38] = stripe  # a tenth of it
    assert judge(pixels) is sees


def test_noise_is_no_sight_and_a_scene_under_noise_is_one():
    noise = np.random.default_rng(2).integers(0, 256, (45, 80, 3))
    assert judge(noise.astype(np.uint8)) is Sight.NOISE
    scene = np.where(np.arange(80) < 40, 40, 180)[None, :, None]
    assert judge((scene + noise // 8).astype(np.uint8)) is Sight.CLEAR
