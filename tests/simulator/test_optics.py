import math

import numpy as np
import pytest

from simulator.camera.optics import CameraRig, cast_rays, project, sample_rig

LEVEL = CameraRig(0.2, 0.0, 0.0, 0.0, math.radians(90), 0.0, 0.0)


def test_a_level_camera_of_90_degrees_sees_these_pixels():
    # Focal length 40 px: a point 1 m ahead and 0.2 m below is 8 px below the middle.
    assert project(LEVEL, 45, 80, 1.0, 0.0) == pytest.approx((40.0, 22.5 + 8.0))
    assert project(LEVEL, 45, 80, 1.0, 0.5) == pytest.approx((20.0, 30.5))
    assert project(LEVEL, 45, 80, 1.0, 0.0, up_m=0.2) == pytest.approx((40.0, 22.5))
    assert project(LEVEL, 45, 80, -1.0, 0.0) is None


def test_a_camera_tilted_by_45_degrees_looks_at_the_point_as_far_ahead_as_it_is_high():
    rig = CameraRig(0.2, math.radians(45), 0.0, 0.0, math.radians(60), 0.0, 0.05)
    assert project(rig, 45, 80, 0.25, 0.0) == pytest.approx((40.0, 22.5))


def test_rays_have_length_one_and_their_axes():
    rays = cast_rays(LEVEL, 45, 80)
    length = rays.ahead**2 + rays.left**2 + rays.down**2
    assert length == pytest.approx(np.ones((45, 80)))
    assert rays.left[22, 0] > 0 > rays.left[22, 79]
    assert rays.down[44, 40] > 0 > rays.down[0, 40]


def test_leaning_to_the_right_lifts_the_right_side_of_the_floor():
    rays = cast_rays(CameraRig(0.2, 0.3, math.radians(5), 0.0, 1.0, 0.0, 0.0), 45, 80)
    assert rays.down[22, 79] > rays.down[22, 0]


@pytest.mark.parametrize("seed", range(8))
def test_projecting_undoes_casting_for_any_camera(seed):
    rig = sample_rig(seed)
    rays = cast_rays(rig, 45, 80)
    for row in (20, 33, 44):
        for column in (0, 17, 40, 79):
            if rays.down[row, column] <= 0.01:
                continue
            reach = rig.height_m / rays.down[row, column]
            ahead = rays.ahead[row, column] * reach + rig.forward_m
            left = rays.left[row, column] * reach
            assert project(rig, 45, 80, ahead, left) == pytest.approx(
                (column + 0.5, row + 0.5), abs=1e-6
            )
