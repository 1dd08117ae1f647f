import math

import numpy as np
import pytest

from simulator.track.geometry import (
    ClosedLine,
    Pose,
    mitred_polygon,
    rounded_polygon,
    smooth_closed,
    wrap_angle,
)


def circle(radius_m=1.0, points=720):
    angles = np.arange(points) * (math.tau / points)
    return ClosedLine(radius_m * np.column_stack([np.cos(angles), np.sin(angles)]))


def test_ahead_and_to_the_left_of_a_pose_facing_up():
    x, y = Pose(1.0, 2.0, math.pi / 2).ahead(3.0, 0.5)
    assert (x, y) == pytest.approx((0.5, 5.0))


def test_a_bearing_is_positive_to_the_left():
    pose = Pose(0.0, 0.0, 0.0)
    assert pose.bearing_to(1.0, 1.0) == pytest.approx(math.pi / 4)
    assert pose.bearing_to(1.0, -1.0) == pytest.approx(-math.pi / 4)


@pytest.mark.parametrize(
    ("angle", "wrapped"), [(3 * math.pi / 2, -math.pi / 2), (7.0, 7 - math.tau)]
)
def test_angles_wrap(angle, wrapped):
    assert wrap_angle(angle) == pytest.approx(wrapped)


def test_a_circle_has_its_length_and_curvature():
    line = circle(0.8)
    assert line.length_m == pytest.approx(math.tau * 0.8, rel=1e-4)
    assert line.curvature_1pm == pytest.approx(np.full(len(line), 1.25), rel=0.02)


def test_a_clockwise_circle_bends_to_the_right():
    line = ClosedLine(circle().points_m[::-1])
    assert (line.curvature_1pm < 0).all()


def test_the_nearest_point_of_a_circle():
    station = circle().nearest(0.0, 0.7)  # inside of a counter-clockwise circle: to its left
    assert station.offset_m == pytest.approx(0.3, abs=1e-3)
    assert station.along_m == pytest.approx(math.pi / 2, abs=0.01)
    assert abs(wrap_angle(station.heading_rad - math.pi)) < 0.01


def test_where_a_line_meets_itself_the_place_one_came_from_decides():
    angles = np.arange(2000) * (math.tau / 2000)
    eight = ClosedLine(np.column_stack([np.sin(angles), np.sin(2 * angles) / 2]))
    quarter, half = 0.0, eight.length_m / 2  # both at the crossing
    for place in (quarter, half):
        station = eight.nearest(0.0, 0.0, near_along_m=place)
        apart = math.remainder(station.along_m - place, eight.length_m)
        assert abs(apart) < 0.02


def test_places_along_a_line_wrap_round():
    line = circle()
    assert line.at(line.length_m + 0.3) == pytest.approx(line.at(0.3))
    assert line.at(-0.3) == pytest.approx(line.at(line.length_m - 0.3))


def test_a_rounded_square_has_the_length_of_its_straights_and_arcs():
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    line = ClosedLine(rounded_polygon(square, np.full(4, 0.5)))
    assert line.length_m == pytest.approx(4 * 1.0 + math.tau * 0.5, rel=1e-3)
    assert np.abs(line.points_m).max() == pytest.approx(1.0, abs=1e-3)


def test_radii_that_do_not_fit_are_cut_down():
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    line = ClosedLine(rounded_polygon(square, np.full(4, 50.0)))
    assert line.length_m == pytest.approx(math.tau, rel=0.02)  # all but a circle of radius 1


def test_smoothing_keeps_a_constant_and_the_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 2))
    smooth = smooth_closed(values, 5.0)
    assert smooth.mean(axis=0) == pytest.approx(values.mean(axis=0))
    assert smooth.std() < 0.4 * values.std()
    assert smooth_closed(np.ones((50, 2)), 3.0) == pytest.approx(np.ones((50, 2)))


def test_a_line_needs_three_points_and_a_length():
    with pytest.raises(ValueError, match="N >= 3"):
        ClosedLine(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="length"):
        ClosedLine(np.zeros((5, 2)))


def test_a_square_moved_to_its_left_is_a_smaller_square():
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    assert mitred_polygon(square, 0.25) == pytest.approx(0.75 * square)
    assert mitred_polygon(square, -0.5) == pytest.approx(1.5 * square)
